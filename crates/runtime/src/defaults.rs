//! What every container gets unless told otherwise: Docker's lists, byte for byte.

use std::path::Path;

/// Size of /dev/shm, as Docker's.
pub const SHM_SIZE: u64 = 64 * 1024 * 1024;

/// Capabilities of an ordinary container: Docker's fourteen.
pub const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Paths that would tell about or change the host, as moby's `oci.DefaultSpec` has them.
pub const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Paths that stay readable but not writable, as moby's `oci.DefaultSpec` has them.
pub const READONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// [`MASKED_PATHS`], and each CPU's thermal counters where the machine has them (a side channel; moby masks them since 28.2).
pub fn masked_paths() -> Vec<String> {
    let mut paths: Vec<String> = MASKED_PATHS.iter().map(ToString::to_string).collect();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    for cpu in 0..cpus {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle");
        if Path::new(&path).exists() {
            paths.push(path);
        }
    }
    paths
}

/// [`READONLY_PATHS`] as a plan holds them.
pub fn readonly_paths() -> Vec<String> {
    READONLY_PATHS.iter().map(ToString::to_string).collect()
}

/// Docker's default environment PATH for images that set none.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
