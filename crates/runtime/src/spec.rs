//! The plan of one birth: everything the runtime needs, as plain data that is written to the run directory.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_base::layout::RunRoot;
use stead_mount::Mount;
use stead_sys::durable;

use crate::defaults;
use crate::launch::LaunchError;

/// Everything one birth needs. Written once by the engine, reused by every restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "what is asked of a container, each thing on its own")]
pub struct Plan {
    /// Container id, 64 hex digits; names its control group.
    pub id: String,
    /// Host name inside; empty keeps the one inherited.
    #[serde(default)]
    pub hostname: String,
    /// NIS domain name inside; empty keeps the kernel's default.
    #[serde(default)]
    pub domainname: String,
    /// The root file system: an overlay, or a bind of a host directory.
    pub rootfs: Mount,
    /// Whether the root file system ends read-only.
    #[serde(default)]
    pub readonly_rootfs: bool,
    /// The user's mounts, in depth order. /proc, /sys and /dev are the runtime's own.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Files the engine makes: /etc/hosts, /etc/hostname, /etc/resolv.conf. Applied before `mounts`.
    #[serde(default)]
    pub engine_files: Vec<Mount>,
    /// The first process.
    pub process: Process,
    /// Which namespaces are new, shared or joined.
    #[serde(default)]
    pub namespaces: Namespaces,
    /// Limits.
    #[serde(default)]
    pub cgroup: CgroupLimits,
    /// Devices beyond the default ones.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Kernel parameters of the container's namespaces, e.g. `net.ipv4.ip_forward` = `1`.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Size of /dev/shm in bytes; 0 means Docker's 64 MiB.
    #[serde(default)]
    pub shm_size: u64,
    /// Neither /dev/shm nor /dev/mqueue (`--ipc none`).
    #[serde(default)]
    pub no_ipc_files: bool,
    /// Paths hidden from the container; missing ones are skipped.
    #[serde(default = "defaults::masked_paths")]
    pub masked_paths: Vec<String>,
    /// Paths made read-only; missing ones are skipped.
    #[serde(default = "defaults::readonly_paths")]
    pub readonly_paths: Vec<String>,
    /// All capabilities, all host devices, nothing masked.
    #[serde(default)]
    pub privileged: bool,
    /// Whether a small init stays as pid 1, forwards signals and reaps.
    #[serde(default)]
    pub init: bool,
    /// Another OCI runtime to call (`crun`, `runc`, a path); none means our own.
    #[serde(default)]
    pub runtime: Option<String>,
    /// A directory of this container below the run root, for the bundle of another runtime.
    #[serde(default)]
    pub bundle: PathBuf,
}

/// A process in a container.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments; the program is looked up in the container's PATH.
    pub args: Vec<String>,
    /// Environment as `KEY=value`. HOME is added from the image's passwd file where it is missing.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory; empty means `/`. Made when missing.
    #[serde(default)]
    pub cwd: String,
    /// User as the user wrote it: ``, `name`, `uid`, `name:group`, `uid:gid`.
    #[serde(default)]
    pub user: String,
    /// Additional groups, by name or number.
    #[serde(default)]
    pub group_add: Vec<String>,
    /// Whether the process gets a terminal.
    #[serde(default)]
    pub tty: bool,
    /// The capabilities it may have, e.g. `CAP_CHOWN`; see [`crate::capability::resolve`].
    #[serde(default)]
    pub caps: Vec<String>,
    /// Whether set-uid programs give nothing.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// System call filter.
    #[serde(default)]
    pub seccomp: Seccomp,
    /// Resource limits; what may not be raised is clamped.
    #[serde(default)]
    pub rlimits: Vec<Rlimit>,
    /// File mode mask; none means 0022.
    #[serde(default)]
    pub umask: Option<u32>,
    /// Out-of-memory score adjustment; clamped to what is allowed.
    #[serde(default)]
    pub oom_score_adj: Option<i32>,
}

/// One more process in a running container. Empty fields take what the container's first process has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExecProcess {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Variables on top of the container's own.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory; empty means the container's.
    #[serde(default)]
    pub cwd: String,
    /// User; empty means the container's.
    #[serde(default)]
    pub user: String,
    /// Whether it gets a terminal.
    #[serde(default)]
    pub tty: bool,
    /// All capabilities and no filter.
    #[serde(default)]
    pub privileged: bool,
}

/// The system call filter of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Seccomp {
    /// Docker's default profile.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// A profile in Docker's JSON form, its text.
    Profile(String),
}

/// One resource limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// `nofile` or `RLIMIT_NOFILE`.
    pub name: String,
    /// Soft limit; `u64::MAX` is unlimited.
    pub soft: u64,
    /// Hard limit; `u64::MAX` is unlimited.
    pub hard: u64,
}

/// Which namespaces the process lives in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Namespaces {
    /// Network.
    #[serde(default)]
    pub net: NetNamespace,
    /// System V IPC and message queues.
    #[serde(default)]
    pub ipc: Namespace,
    /// Process ids.
    #[serde(default)]
    pub pid: Namespace,
    /// Host name.
    #[serde(default)]
    pub uts: Namespace,
    /// View of the control groups; none means new on v2 and the host's on v1, as Docker does.
    #[serde(default)]
    pub cgroup: Option<Namespace>,
}

/// A namespace other than the network's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Namespace {
    /// A new one.
    #[default]
    New,
    /// The host's.
    Host,
    /// An existing one, e.g. /proc/12/ns/ipc.
    Path(PathBuf),
    /// That of another container, by its id. Whoever gives birth finds its process at that moment and puts [`Namespace::Path`] in
    /// its place: a path that is kept would lead to another process one day.
    Container(String),
}

/// The network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum NetNamespace {
    /// A new one with nothing but a loopback, which is up.
    #[default]
    None,
    /// The host's.
    Host,
    /// An existing one, prepared by the network room.
    Path(PathBuf),
}

/// Limits of the container's control group. Zero and none mean no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CgroupLimits {
    /// Path below each hierarchy; empty means `/stead/<id>`.
    pub path: String,
    /// Memory in bytes.
    pub memory: u64,
    /// Soft memory limit in bytes.
    pub memory_reservation: u64,
    /// Memory and swap together in bytes; -1 is unlimited swap, 0 means twice the memory.
    pub memory_swap: i64,
    /// 0 to 100, v1 only.
    pub memory_swappiness: Option<u64>,
    /// Whether the out-of-memory killer is off, v1 only.
    pub oom_kill_disable: bool,
    /// CPUs in units of 10^-9.
    pub nano_cpus: u64,
    /// Relative weight, 2 to 262144.
    pub cpu_shares: u64,
    /// Period in microseconds.
    pub cpu_period: u64,
    /// Quota in microseconds.
    pub cpu_quota: i64,
    /// Real-time period in microseconds, v1 only.
    pub cpu_rt_period: u64,
    /// Real-time microseconds per period, v1 only.
    pub cpu_rt_runtime: u64,
    /// CPUs allowed, `0-3,5`.
    pub cpuset_cpus: String,
    /// Memory nodes allowed.
    pub cpuset_mems: String,
    /// Processes; 0 and below mean unlimited.
    pub pids_limit: i64,
    /// Block I/O weight, 10 to 1000.
    pub blkio_weight: u16,
    /// The same by device; the rate is the weight.
    pub blkio_weight_device: Vec<BlkioDevice>,
    /// Read bytes per second and device.
    pub blkio_read_bps: Vec<BlkioDevice>,
    /// Written bytes per second and device.
    pub blkio_write_bps: Vec<BlkioDevice>,
    /// Reads per second and device.
    pub blkio_read_iops: Vec<BlkioDevice>,
    /// Writes per second and device.
    pub blkio_write_iops: Vec<BlkioDevice>,
    /// Device rules beyond the default ones and those of `Plan::devices`.
    pub device_rules: Vec<DeviceRule>,
}

/// A rate for one block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioDevice {
    /// Path of the device on the host.
    pub path: PathBuf,
    /// Bytes or operations per second.
    pub rate: u64,
}

/// One rule of the device filter, as `--device-cgroup-rule 'c 1:3 rwm'`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether the rule allows.
    pub allow: bool,
    /// `a`, `b` or `c`.
    pub kind: char,
    /// Major number; none is any.
    pub major: Option<u32>,
    /// Minor number; none is any.
    pub minor: Option<u32>,
    /// Some of `rwm`.
    pub access: String,
}

/// A device of the host given to the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host; a directory gives all devices below it.
    pub host: PathBuf,
    /// Path in the container.
    pub container: PathBuf,
    /// Some of `rwm`.
    pub access: String,
}

/// Writes a plan's bytes where the monitor of the container looks for them, making the container's run directory.
///
/// # Errors
/// The failing step; an older plan then stays.
pub fn write(run_root: &RunRoot, id: &str, bytes: &[u8]) -> Result<(), LaunchError> {
    let dir = run_root.container(id);
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&dir).map_err(|e| stead_sys::Error::new("mkdir", &dir, e))?;
    durable::replace_unflushed(&run_root.plan(id), bytes, 0o600)?;
    Ok(())
}

/// Reads the plan back; `None` when there is none that can be read.
#[must_use]
pub fn read(run_root: &RunRoot, id: &str) -> Option<Plan> {
    serde_json::from_slice(&std::fs::read(run_root.plan(id)).ok()?).ok()
}

impl Plan {
    /// Size of /dev/shm in bytes.
    pub fn shm_bytes(&self) -> u64 {
        if self.shm_size == 0 { defaults::SHM_SIZE } else { self.shm_size }
    }

    /// The control group's path below each hierarchy, without a leading slash.
    pub fn cgroup_path(&self) -> String {
        if self.cgroup.path.is_empty() { format!("stead/{}", self.id) } else { self.cgroup.path.trim_matches('/').to_owned() }
    }
}
