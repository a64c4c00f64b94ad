//! What a container was asked to be: Docker's `Config`, `HostConfig` and `NetworkingConfig`, kept verbatim in the record.
//!
//! The JSON is Docker's own (API 1.50 names), because the record, `inspect`, the API and the command line then share one vocabulary
//! and nothing is lost in translation. Fields Stead does not act on yet are refused where they are set, not dropped here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
pub use stead_image::Healthcheck;
use stead_mount::MountRequest;

/// An empty JSON object, Docker's way to write a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// What is independent of the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's wire format")]
pub struct Config {
    /// Host name; the short id when empty.
    pub hostname: String,
    /// NIS domain name.
    pub domainname: String,
    /// `USER[:GROUP]`, names or numbers.
    pub user: String,
    /// The creator wants standard input.
    pub attach_stdin: bool,
    /// The creator wants standard output.
    pub attach_stdout: bool,
    /// The creator wants standard error.
    pub attach_stderr: bool,
    /// `port/proto` the program listens on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// A terminal instead of three pipes.
    pub tty: bool,
    /// Keep standard input open.
    pub open_stdin: bool,
    /// Close standard input after its first client leaves.
    pub stdin_once: bool,
    /// `K=V`, in order.
    #[serde(deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// Arguments, or the whole command line without an entrypoint. `None`: the image's.
    #[serde(deserialize_with = "words")]
    pub cmd: Option<Vec<String>>,
    /// How it is asked for its health. `None`: the image's; `["NONE"]` asks nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The reference as the user typed it.
    pub image: String,
    /// Paths that get an anonymous volume.
    pub volumes: Option<BTreeMap<String, Empty>>,
    /// Directory the program starts in.
    pub working_dir: String,
    /// Program put before `cmd`. `None`: the image's; `[""]` resets it.
    #[serde(deserialize_with = "words")]
    pub entrypoint: Option<Vec<String>>,
    /// Build triggers of the image.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the program to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Seconds between that signal and `SIGKILL`; `-1` waits for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Hardware address in the first network; API 1.44 has it in the network's own settings.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_is_default")]
    pub mac_address: String,
    /// Shell of the shell form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// Where the log goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// `json-file` (the default when empty) or `none`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `max-size`, `max-file`, `labels`, …
    #[serde(deserialize_with = "null_is_default")]
    pub config: BTreeMap<String, String>,
}

/// When a container is started again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped` or `on-failure`; empty means `no`.
    pub name: String,
    /// Tries of `on-failure`; 0 is no limit.
    pub maximum_retry_count: i64,
}

/// One device handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceMapping {
    /// Path on the host.
    pub path_on_host: String,
    /// Path in the container.
    pub path_in_container: String,
    /// Out of `r`, `w`, `m`.
    pub cgroup_permissions: String,
}

/// One resource limit of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    /// `nofile`, `nproc`, … without `RLIMIT_`.
    pub name: String,
    /// Hard limit; -1 is unlimited.
    pub hard: i64,
    /// Soft limit; -1 is unlimited.
    pub soft: i64,
}

/// A block device's share of block I/O.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WeightDevice {
    /// Path on the host.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// A block device's limit of bytes or operations per second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ThrottleDevice {
    /// Path on the host.
    pub path: String,
    /// Per second.
    pub rate: u64,
}

/// Devices asked for from a driver (`--gpus`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceRequest {
    /// Who hands them out; empty lets the capabilities decide.
    #[serde(deserialize_with = "null_is_default")]
    pub driver: String,
    /// How many; -1 is all.
    pub count: i64,
    /// Which.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: Option<Vec<String>>,
    /// Alternatives of capabilities that must all be there.
    #[serde(deserialize_with = "null_is_default")]
    pub capabilities: Vec<Vec<String>>,
    /// For the driver.
    pub options: Option<BTreeMap<String, String>>,
}

/// What depends on the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's wire format")]
pub struct HostConfig {
    /// `-v SRC:DST[:MODE]`, verbatim.
    pub binds: Option<Vec<String>>,
    /// File the CLI wrote the id to.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// Log driver and options.
    pub log_config: LogConfig,
    /// `none`, `host`, `default`, `container:ID` or a network's name.
    pub network_mode: String,
    /// Published ports, kept for inspect.
    pub port_bindings: Option<serde_json::Value>,
    /// Restart policy.
    pub restart_policy: RestartPolicy,
    /// Remove the container when it ends.
    pub auto_remove: bool,
    /// Default driver of volumes in `binds` and anonymous ones.
    pub volume_driver: String,
    /// `CONTAINER[:MODE]`.
    pub volumes_from: Option<Vec<String>>,
    /// `--mount`, as asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<MountRequest>>,
    /// `--tmpfs PATH[:OPTIONS]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<BTreeMap<String, String>>,
    /// Rows and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
    /// Annotations for the runtime: inert text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Capabilities added to Docker's set.
    pub cap_add: Option<Vec<String>>,
    /// Capabilities taken from it.
    pub cap_drop: Option<Vec<String>>,
    /// `private` or `host`.
    pub cgroupns_mode: String,
    /// Name servers.
    #[serde(rename = "Dns")]
    pub dns: Option<Vec<String>>,
    /// Resolver options.
    pub dns_options: Option<Vec<String>>,
    /// Search domains.
    pub dns_search: Option<Vec<String>>,
    /// `NAME:IP` lines of /etc/hosts.
    pub extra_hosts: Option<Vec<String>>,
    /// Supplementary groups.
    pub group_add: Option<Vec<String>>,
    /// `private`, `shareable`, `host`, `none` or `container:ID`.
    pub ipc_mode: String,
    /// Parent cgroup.
    pub cgroup_parent: String,
    /// Kept as given: a container's cgroup is its own.
    pub cgroup: String,
    /// `CONTAINER:ALIAS`.
    pub links: Option<Vec<String>>,
    /// Options of the storage driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_opt: Option<BTreeMap<String, String>>,
    /// Score for the OOM killer.
    pub oom_score_adj: i64,
    /// Empty, `host` or `container:ID`.
    pub pid_mode: String,
    /// All capabilities, all devices, no masks.
    pub privileged: bool,
    /// Publish every exposed port.
    pub publish_all_ports: bool,
    /// The root file system cannot be written.
    pub readonly_rootfs: bool,
    /// `no-new-privileges`, `seccomp=…`, `label=…`, `apparmor=…`.
    pub security_opt: Option<Vec<String>>,
    /// Bytes of /dev/shm; 0 is 64 MiB.
    pub shm_size: i64,
    /// Namespaced kernel parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// Empty or `host`.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// Empty or `host`.
    pub userns_mode: String,
    /// Empty: ours; `crun` or a path: that OCI runtime.
    pub runtime: String,
    /// Windows isolation, accepted as Docker does.
    pub isolation: String,
    /// Relative weight; 0 is the kernel's default.
    pub cpu_shares: i64,
    /// Bytes; 0 is no limit.
    pub memory: i64,
    /// CPUs in units of 1e-9.
    pub nano_cpus: i64,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds per period.
    pub cpu_quota: i64,
    /// `0-2,4`.
    pub cpuset_cpus: String,
    /// Memory nodes.
    pub cpuset_mems: String,
    /// Devices handed in.
    pub devices: Option<Vec<DeviceMapping>>,
    /// Cgroup device rules.
    pub device_cgroup_rules: Option<Vec<String>>,
    /// Soft limit in bytes.
    pub memory_reservation: i64,
    /// Memory plus swap in bytes; -1 is no limit.
    pub memory_swap: i64,
    /// 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// Never kill for memory.
    pub oom_kill_disable: Option<bool>,
    /// Processes and threads; `None`, 0 or -1 is no limit.
    pub pids_limit: Option<i64>,
    /// Resource limits.
    pub ulimits: Option<Vec<Ulimit>>,
    /// An init as process 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Block I/O weight.
    pub blkio_weight: u16,
    /// The same by device.
    pub blkio_weight_device: Option<Vec<WeightDevice>>,
    /// Bytes read per second.
    pub blkio_device_read_bps: Option<Vec<ThrottleDevice>>,
    /// Bytes written per second.
    pub blkio_device_write_bps: Option<Vec<ThrottleDevice>>,
    /// Reads per second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Option<Vec<ThrottleDevice>>,
    /// Writes per second.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Option<Vec<ThrottleDevice>>,
    /// Real-time period in microseconds.
    pub cpu_realtime_period: i64,
    /// Real-time microseconds per period.
    pub cpu_realtime_runtime: i64,
    /// Devices asked for from drivers.
    pub device_requests: Option<Vec<DeviceRequest>>,
    /// Bytes of kernel memory; kernels have stopped limiting it apart.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_memory: i64,
    /// The same for TCP's buffers.
    #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "is_zero")]
    pub kernel_memory_tcp: i64,
    /// Windows only.
    pub cpu_count: i64,
    /// Windows only.
    pub cpu_percent: i64,
    /// Windows only.
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// Windows only.
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,
    /// Paths hidden from the container; `None` is Docker's list.
    pub masked_paths: Option<Vec<String>>,
    /// Paths it cannot write; `None` is Docker's list.
    pub readonly_paths: Option<Vec<String>>,
}

/// Networks asked for at create.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkingConfig {
    /// By network name.
    #[serde(deserialize_with = "null_is_default")]
    pub endpoints_config: BTreeMap<String, serde_json::Value>,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// A command line may come as one word, which then is not parted: Docker's `strslice`.
fn words<'de, D>(deserializer: D) -> Result<Option<Vec<String>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<Words>::deserialize(deserializer)?.map(|words| match words {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
    }))
}

/// Docker's clients send `null` for empty lists and maps.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_null_fields_read_alike() {
        let a: Config = serde_json::from_str("{}").unwrap();
        let b: Config = serde_json::from_str(r#"{"Env":null,"Labels":null,"ExposedPorts":null,"Unknown":1}"#).unwrap();
        assert_eq!(a, b);
    }

    #[test]
    fn a_command_may_be_one_word() {
        let config: Config = serde_json::from_str(r#"{"Cmd":"a b","Entrypoint":["c"]}"#).unwrap();
        assert_eq!((config.cmd, config.entrypoint), (Some(vec!["a b".to_owned()]), Some(vec!["c".to_owned()])));
        let config: Config = serde_json::from_str(r#"{"Cmd":null}"#).unwrap();
        assert_eq!((config.cmd, config.entrypoint), (None, None));
        assert!(serde_json::from_str::<Config>(r#"{"Cmd":[1]}"#).is_err());
    }

    #[test]
    fn tmpfs_and_mounts_are_absent_when_not_asked_for() {
        let text = serde_json::to_string(&HostConfig::default()).unwrap();
        assert!(!text.contains("Tmpfs") && !text.contains("\"Mounts\""), "{text}");
        assert!(text.contains(r#""Binds":null"#));
    }
}
