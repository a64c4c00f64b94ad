//! What the kernel says of this machine.

use std::path::Path;

use serde_json::{Map, Value, json};
use stead_base::time::Time;

/// A small file of the kernel; empty where it is not.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The kernel's release.
pub(super) fn kernel() -> String {
    read("/proc/sys/kernel/osrelease")
}

/// The processor, in Go's words.
pub(super) fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// Adds what `info` says of the machine.
pub(super) fn describe(map: &mut Map<String, Value>) {
    let release = read("/etc/os-release");
    let named = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
    };
    let system = named("PRETTY_NAME");
    let memory_kb = read("/proc/meminfo")
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .unwrap_or(0);
    let threads = read("/proc/self/status").lines().find_map(|l| l.strip_prefix("Threads:")?.trim().parse::<u64>().ok());
    for (key, value) in [
        ("NFd", json!(std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count))),
        ("NGoroutines", json!(threads.unwrap_or(1))),
        ("SystemTime", json!(Time::now().rfc3339_nano())),
        ("KernelVersion", json!(kernel())),
        ("OperatingSystem", json!(if system.is_empty() { "Linux".to_owned() } else { system })),
        ("OSVersion", json!(named("VERSION_ID"))),
        ("OSType", json!("linux")),
        ("Architecture", json!(std::env::consts::ARCH)),
        ("NCPU", json!(std::thread::available_parallelism().map_or(1, usize::from))),
        ("MemTotal", json!(memory_kb * 1024)),
        ("Name", json!(read("/proc/sys/kernel/hostname"))),
        ("IPv4Forwarding", json!(read("/proc/sys/net/ipv4/ip_forward") == "1")),
    ] {
        map.insert(key.to_owned(), value);
    }
    limits(map);
}

/// Which limits this machine's control groups know.
fn limits(map: &mut Map<String, Value>) {
    let unified = read("/sys/fs/cgroup/cgroup.controllers");
    let v2 = !unified.is_empty();
    let has = |controller: &str, file: &str| {
        if v2 {
            unified.split_whitespace().any(|c| c == controller)
        } else {
            Path::new("/sys/fs/cgroup").join(controller).join(file).exists()
        }
    };
    for (key, value) in [
        ("MemoryLimit", has("memory", "memory.limit_in_bytes")),
        ("SwapLimit", has("memory", "memory.memsw.limit_in_bytes")),
        ("CpuCfsPeriod", has("cpu", "cpu.cfs_period_us")),
        ("CpuCfsQuota", has("cpu", "cpu.cfs_quota_us")),
        ("CPUShares", has("cpu", "cpu.shares")),
        ("CPUSet", has("cpuset", "cpuset.cpus")),
        ("PidsLimit", has("pids", "")),
        ("OomKillDisable", !v2 && has("memory", "memory.oom_control")),
    ] {
        map.insert(key.to_owned(), json!(value));
    }
}

/// The kind of file system a directory lies on.
pub(super) fn file_system(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_gone| dir.to_path_buf());
    let table = read("/proc/self/mountinfo");
    let mounts = table.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let at = before.split(' ').nth(4)?;
        Some((at.replace("\\040", " "), after.split(' ').next()?.to_owned()))
    });
    let above = mounts.filter(|(at, _)| dir.starts_with(at));
    let kind = above.max_by_key(|(at, _)| at.len()).map_or_else(|| "unknown".to_owned(), |(_, kind)| kind);
    // Docker's word for all of them.
    if matches!(kind.as_str(), "ext2" | "ext3" | "ext4") { "extfs".to_owned() } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_has_a_file_system() {
        assert_eq!(file_system(Path::new("/proc")), "proc");
        assert_ne!(file_system(Path::new("/")), "unknown");
    }
}
