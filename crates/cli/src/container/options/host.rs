//! The part of the options that depends on the host: limits, namespaces, devices, logging.

use stead_engine::container::config::{HostConfig, LogConfig};

use super::{security, values};
use crate::command::Matches;
use crate::command::parse::parse_int;

/// Resolves everything but the mounts.
pub(super) fn resolve(matches: &Matches) -> Result<HostConfig, String> {
    let text = |name: &str| matches.text(name).unwrap_or_default().to_owned();
    for flag in ["pid", "uts", "userns", "cgroupns"] {
        values::check_mode(flag, matches.text(flag).unwrap_or_default())?;
    }
    let security = security::resolve(matches.list("security-opt"))?;
    let mut host = HostConfig {
        log_config: logging(matches)?,
        publish_all_ports: matches.on("publish-all"),
        restart_policy: values::restart(matches.text("restart").unwrap_or("no"))?,
        auto_remove: matches.on("rm"),
        console_size: console_size(),
        annotations: map(matches, "annotation"),
        cap_add: words(matches, "cap-add"),
        cap_drop: words(matches, "cap-drop"),
        cgroupns_mode: text("cgroupns"),
        dns: words(matches, "dns"),
        dns_options: both(matches, "dns-option", "dns-opt"),
        dns_search: words(matches, "dns-search"),
        extra_hosts: hosts(matches),
        group_add: words(matches, "group-add"),
        ipc_mode: text("ipc"),
        cgroup_parent: text("cgroup-parent"),
        oom_score_adj: integer(matches, "oom-score-adj")?,
        pid_mode: text("pid"),
        privileged: matches.on("privileged"),
        readonly_rootfs: matches.on("read-only"),
        security_opt: security.options,
        masked_paths: security.unmasked.then(Vec::new),
        readonly_paths: security.unmasked.then(Vec::new),
        sysctls: map(matches, "sysctl"),
        uts_mode: text("uts"),
        userns_mode: text("userns"),
        runtime: text("runtime"),
        isolation: text("isolation"),
        devices: each(matches, "device", values::device)?,
        device_cgroup_rules: words(matches, "device-cgroup-rule"),
        ulimits: each(matches, "ulimit", values::ulimit)?,
        blkio_weight_device: each(matches, "blkio-weight-device", values::weight_device)?,
        blkio_device_read_bps: each(matches, "device-read-bps", |t| values::throttle(t, values::ram))?,
        blkio_device_write_bps: each(matches, "device-write-bps", |t| values::throttle(t, values::ram))?,
        blkio_device_read_iops: each(matches, "device-read-iops", |t| values::throttle(t, values::count))?,
        blkio_device_write_iops: each(matches, "device-write-iops", |t| values::throttle(t, values::count))?,
        device_requests: each(matches, "gpus", values::gpu_request)?,
        storage_opt: map(matches, "storage-opt"),
        init: matches.given("init").then(|| matches.on("init")),
        ..HostConfig::default()
    };
    limits(matches, &mut host)?;
    Ok(host)
}

/// What `run` and `update` have in common: the limits.
pub(crate) fn limits(matches: &Matches, host: &mut HostConfig) -> Result<(), String> {
    let size = |name: &str| matches.text(name).map_or(Ok(0), values::ram);
    host.shm_size = size("shm-size")?;
    host.memory = size("memory")?;
    host.memory_reservation = size("memory-reservation")?;
    host.memory_swap = matches.text("memory-swap").map_or(Ok(0), values::ram_or_unlimited)?;
    host.memory_swappiness = match matches.text("memory-swappiness").map(parse_int).transpose()? {
        None | Some(-1) => None,
        Some(share @ 0..=100) => Some(share),
        Some(other) => return Err(format!("invalid value: {other}. Valid memory swappiness range is 0-100")),
    };
    host.oom_kill_disable = matches.given("oom-kill-disable").then(|| matches.on("oom-kill-disable"));
    host.nano_cpus = matches.text("cpus").map_or(Ok(0), values::nano_cpus)?;
    host.cpu_shares = integer(matches, "cpu-shares")?;
    host.cpu_period = integer(matches, "cpu-period")?;
    host.cpu_quota = integer(matches, "cpu-quota")?;
    host.cpu_realtime_period = integer(matches, "cpu-rt-period")?;
    host.cpu_realtime_runtime = integer(matches, "cpu-rt-runtime")?;
    host.kernel_memory = size("kernel-memory")?;
    host.cpuset_cpus = matches.text("cpuset-cpus").unwrap_or_default().to_owned();
    host.cpuset_mems = matches.text("cpuset-mems").unwrap_or_default().to_owned();
    host.pids_limit = matches.text("pids-limit").map(parse_int).transpose()?;
    host.blkio_weight = matches.text("blkio-weight").map_or(Ok(0), |t| t.parse().map_err(|_range| format!("invalid value: {t}")))?;
    Ok(())
}

fn logging(matches: &Matches) -> Result<LogConfig, String> {
    let kind = matches.text("log-driver").unwrap_or_default().to_owned();
    let config = map(matches, "log-opt").unwrap_or_default();
    if kind == "none" && !config.is_empty() {
        return Err("invalid logging opts for driver none".to_owned());
    }
    Ok(LogConfig { kind, config })
}

fn console_size() -> Option<[u16; 2]> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0).then_some([size.ws_row, size.ws_col])
}

/// `HOST=IP` is written `HOST:IP` in the record, and brackets around an IPv6 address go.
fn hosts(matches: &Matches) -> Option<Vec<String>> {
    let plain = |word: &str| match word.split_once('=').or_else(|| word.split_once(':')) {
        Some((host, ip)) => format!("{host}:{}", ip.trim_start_matches('[').trim_end_matches(']')),
        None => word.to_owned(),
    };
    let all: Vec<String> = matches.list("add-host").map(plain).collect();
    (!all.is_empty()).then_some(all)
}

/// All values of a flag; `None` for none, as Docker writes `null`.
pub(super) fn words(matches: &Matches, name: &str) -> Option<Vec<String>> {
    let all: Vec<String> = matches.list(name).map(str::to_owned).collect();
    (!all.is_empty()).then_some(all)
}

fn both(matches: &Matches, name: &str, other: &str) -> Option<Vec<String>> {
    let all: Vec<String> = matches.list(name).chain(matches.list(other)).map(str::to_owned).collect();
    (!all.is_empty()).then_some(all)
}

fn map(matches: &Matches, name: &str) -> Option<std::collections::BTreeMap<String, String>> {
    matches.given(name).then(|| matches.list(name).map(stead_base::label::split).collect())
}

fn each<T>(matches: &Matches, name: &str, read: fn(&str) -> Result<T, String>) -> Result<Option<Vec<T>>, String> {
    let all = matches.list(name).map(read).collect::<Result<Vec<T>, String>>()?;
    Ok((!all.is_empty()).then_some(all))
}

fn integer(matches: &Matches, name: &str) -> Result<i64, String> {
    matches.text(name).map_or(Ok(0), parse_int)
}
