//! What a container may use: Docker's checks of `Resources`, the same at create and at update.

use std::path::Path;

use super::config::{DeviceRequest, HostConfig, ThrottleDevice};
use crate::{Failure, Result};

/// Docker's floor for `--memory`: below it most programs cannot even be loaded.
const MEMORY_MIN: i64 = 6 * 1024 * 1024;
/// Highest number of a CPU or memory node that is read from a list.
const LIST_MAX: u32 = 8192;

/// When limits are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// All of them are new.
    Create,
    /// They come on top of others.
    Update,
}

/// Refuses what cannot be; gives back warnings for what is accepted and without effect.
pub(super) fn check(host: &HostConfig, when: When) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    memory(host, when, &mut warnings)?;
    cpus(host, &mut warnings)?;
    realtime(host)?;
    cpuset(host)?;
    blkio(host, &mut warnings)?;
    foreign(host, &mut warnings)?;
    Ok(warnings)
}

fn memory(host: &HostConfig, when: When, warnings: &mut Vec<String>) -> Result<()> {
    if host.memory != 0 && host.memory < MEMORY_MIN {
        return Err(Failure::invalid("Minimum memory limit allowed is 6MB"));
    }
    if host.memory > 0 && host.memory_swap > 0 && host.memory_swap < host.memory {
        return Err(Failure::invalid("Minimum memoryswap limit should be larger than memory limit, see usage"));
    }
    if host.memory == 0 && host.memory_swap > 0 && when == When::Create {
        return Err(Failure::invalid("You should always set the Memory limit when using Memoryswap limit, see usage"));
    }
    if let Some(swappiness) = host.memory_swappiness
        && !(-1..=100).contains(&swappiness)
    {
        return Err(Failure::invalid(format!("Invalid value: {swappiness}, valid memory swappiness range is 0-100")));
    }
    if host.memory_reservation > 0 && host.memory_reservation < MEMORY_MIN {
        return Err(Failure::invalid("Minimum memory reservation allowed is 6MB"));
    }
    if host.memory_reservation > 0 && host.memory > 0 && host.memory < host.memory_reservation {
        return Err(Failure::invalid("Minimum memory limit can not be less than memory reservation limit, see usage"));
    }
    if host.kernel_memory > 0 || host.kernel_memory_tcp > 0 {
        warnings.push(
            "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.".to_owned(),
        );
    }
    if host.oom_kill_disable == Some(true) {
        if stead_runtime::cgroup::version() == "2" {
            warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.".to_owned());
        } else if host.memory == 0 {
            let what = "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of \
                        resources.";
            warnings.push(what.to_owned());
        }
    }
    if host.shm_size < 0 {
        return Err(Failure::invalid("SHM size can not be less than 0"));
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return Err(Failure::invalid(format!("Invalid value {}, range for oom score adj is [-1000, 1000]", host.oom_score_adj)));
    }
    Ok(())
}

fn cpus(host: &HostConfig, warnings: &mut Vec<String>) -> Result<()> {
    for (value, name) in [(host.cpu_period, "CPU Period"), (host.cpu_quota, "CPU Quota")] {
        if host.nano_cpus > 0 && value > 0 {
            return Err(Failure::invalid(format!("Conflicting options: Nano CPUs and {name} cannot both be set")));
        }
    }
    let here = i64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(i64::MAX);
    if host.nano_cpus < 0 || host.nano_cpus > here.saturating_mul(1_000_000_000) {
        return Err(Failure::invalid(format!("range of CPUs is from 0.01 to {here}.00, as there are only {here} CPUs available")));
    }
    if host.cpu_shares < 0 {
        return Err(Failure::invalid(format!("invalid CPU shares ({}): value must be a positive integer", host.cpu_shares)));
    }
    if host.cpu_period != 0 && !(1000..=1_000_000).contains(&host.cpu_period) {
        return Err(Failure::invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"));
    }
    if host.cpu_quota > 0 && host.cpu_quota < 1000 {
        return Err(Failure::invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    if host.cpu_percent > 0 {
        warnings.push("linux does not support CPU percent. Percent discarded.".to_owned());
    }
    Ok(())
}

fn realtime(host: &HostConfig) -> Result<()> {
    if host.cpu_realtime_period == 0 && host.cpu_realtime_runtime == 0 {
        return Ok(());
    }
    if !stead_runtime::cgroup::has_realtime() {
        return Err(Failure::invalid("kernel does not support CPU real-time scheduler"));
    }
    if host.cpu_realtime_period != 0 && host.cpu_realtime_runtime > host.cpu_realtime_period {
        return Err(Failure::invalid("cpu real-time runtime cannot be higher than cpu real-time period"));
    }
    Ok(())
}

fn cpuset(host: &HostConfig) -> Result<()> {
    for (asked, what, name, online) in [
        (&host.cpuset_cpus, "CPUs", "cpus", "/sys/devices/system/cpu/online"),
        (&host.cpuset_mems, "memory nodes", "mems", "/sys/devices/system/node/online"),
    ] {
        if asked.is_empty() {
            continue;
        }
        let wanted =
            numbers(asked).ok_or_else(|| Failure::invalid(format!("Invalid value {asked} for cpuset {name}: invalid format: {asked}")))?;
        // A machine without nodes has the one.
        let here = std::fs::read_to_string(Path::new(online)).unwrap_or_else(|_absent| "0".to_owned());
        let available = numbers(here.trim()).unwrap_or_default();
        if !wanted.is_subset(&available) {
            let here = here.trim();
            return Err(Failure::invalid(format!("Requested {what} are not available - requested {asked}, available: {here}")));
        }
    }
    Ok(())
}

/// Reads `0-2,7`.
fn numbers(text: &str) -> Option<std::collections::BTreeSet<u32>> {
    let mut found = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (u32, u32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        if low > high || high > LIST_MAX {
            return None;
        }
        found.extend(low..=high);
    }
    Some(found)
}

fn blkio(host: &HostConfig, warnings: &mut Vec<String>) -> Result<()> {
    let out_of_range = |weight: u16| weight != 0 && !(10..=1000).contains(&weight);
    let unweighed = !stead_runtime::cgroup::has_io_weight();
    for (asked, what) in [
        (host.blkio_weight > 0, "weight or the cgroup is not mounted. Weight discarded."),
        (
            host.blkio_weight_device.as_ref().is_some_and(|l| !l.is_empty()),
            "weight_device or the cgroup is not mounted. Weight-device discarded.",
        ),
    ] {
        if asked && unweighed {
            warnings.push(format!("Your kernel does not support Block I/O {what}"));
        }
    }
    if out_of_range(host.blkio_weight) && !unweighed {
        return Err(Failure::invalid("Range of blkio weight is from 10 to 1000"));
    }
    for device in host.blkio_weight_device.iter().flatten().filter(|_| !unweighed) {
        if out_of_range(device.weight) {
            return Err(Failure::invalid(format!("invalid weight for device: {}:{}", device.path, device.weight)));
        }
        is_device(&device.path)?;
    }
    throttles(host).try_for_each(|device| is_device(&device.path))
}

/// All four lists of rates.
fn throttles(host: &HostConfig) -> impl Iterator<Item = &ThrottleDevice> {
    [&host.blkio_device_read_bps, &host.blkio_device_write_bps, &host.blkio_device_read_iops, &host.blkio_device_write_iops]
        .into_iter()
        .flatten()
        .flatten()
}

/// Docker finds this out at the start and leaves a container behind that can never run.
fn is_device(path: &str) -> Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    match std::fs::metadata(path) {
        Ok(found) if found.file_type().is_block_device() => Ok(()),
        Ok(_) => Err(Failure::invalid(format!("{path}: not a block device"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::invalid(format!("{path}: no such file or directory"))),
        Err(error) => Err(Failure::invalid(format!("{path}: {error}"))),
    }
}

/// What only Windows or another engine's drivers have.
fn foreign(host: &HostConfig, warnings: &mut Vec<String>) -> Result<()> {
    if host.io_maximum_iops != 0 || host.io_maximum_bandwidth != 0 {
        return Err(Failure::invalid("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps"));
    }
    if host.cpu_count > 0 {
        warnings.push("linux does not support CPU count. Count discarded.".to_owned());
    }
    if let Some(request) = host.device_requests.iter().flatten().next() {
        return Err(Failure::invalid(no_driver(request)).with_hint("devices of the host are handed in with --device"));
    }
    if host.storage_opt.as_ref().is_some_and(|options| !options.is_empty()) {
        return Err(Failure::invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
            .with_hint("a volume can have a size: volume create -o size=..."));
    }
    Ok(())
}

fn no_driver(request: &DeviceRequest) -> String {
    let sets: Vec<String> = request.capabilities.iter().map(|set| format!("[{}]", set.join(" "))).collect();
    format!("could not select device driver {:?} with capabilities: [{}]", request.driver, sets.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &HostConfig) -> String {
        check(host, When::Create).unwrap_err().message
    }

    #[test]
    fn impossible_resources_are_refused() {
        assert!(refused(&HostConfig { memory: 1024, ..HostConfig::default() }).contains("6MB"));
        assert!(refused(&HostConfig { nano_cpus: i64::MAX, ..HostConfig::default() }).contains("range of CPUs"));
        assert!(refused(&HostConfig { memory: 1 << 30, memory_swap: 1 << 20, ..HostConfig::default() }).contains("memoryswap"));
        let weight = check(&HostConfig { blkio_weight: 5, ..HostConfig::default() }, When::Create);
        assert!(weight.map_or_else(|why| why.message.contains("from 10 to 1000"), |told| told[0].contains("Weight discarded")));
        assert!(refused(&HostConfig { cpuset_cpus: "0-4000".to_owned(), ..HostConfig::default() }).contains("are not available"));
        assert!(refused(&HostConfig { cpuset_cpus: "x".to_owned(), ..HostConfig::default() }).contains("invalid format"));
        assert!(refused(&HostConfig { io_maximum_iops: 1, ..HostConfig::default() }).contains("Invalid QoS"));
        let rate = Some(vec![ThrottleDevice { path: "/dev/null".to_owned(), rate: 1 }]);
        assert!(refused(&HostConfig { blkio_device_read_bps: rate, ..HostConfig::default() }).contains("not a block device"));
    }

    #[test]
    fn swap_alone_may_be_updated_and_not_created() {
        let swap = HostConfig { memory_swap: 1 << 30, ..HostConfig::default() };
        assert!(refused(&swap).contains("always set the Memory limit"));
        assert!(check(&swap, When::Update).is_ok());
    }

    #[test]
    fn drivers_of_devices_are_missed_in_dockers_words() {
        let gpu = DeviceRequest { count: -1, capabilities: vec![vec!["gpu".to_owned()]], ..DeviceRequest::default() };
        let host = HostConfig { device_requests: Some(vec![gpu]), ..HostConfig::default() };
        assert_eq!(refused(&host), "could not select device driver \"\" with capabilities: [[gpu]]");
    }

    #[test]
    fn lists_of_numbers() {
        assert_eq!(numbers("0-2,7").unwrap().into_iter().collect::<Vec<_>>(), [0, 1, 2, 7]);
        for bad in ["", "2-1", "a", "1-", "0-99999999"] {
            assert!(numbers(bad).is_none(), "{bad}");
        }
    }
}
