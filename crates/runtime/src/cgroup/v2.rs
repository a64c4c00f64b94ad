//! Version 2: one group, whose parents must pass the controllers on.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use stead_sys::cgroup as kernel;

use super::{CgroupError, Group, at, cpu_bandwidth, descend, device, memory_and_swap, set};
use crate::spec::{BlkioDevice, Plan};

/// What containers are limited by; the kernel may have less.
const CONTROLLERS: [&str; 6] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

pub(super) fn create(plan: &Plan, top: &Path) -> Result<Group, CgroupError> {
    let dir = descend(plan, top, |parent, _, made| if made { pass_on(parent) } else { Ok(()) })?;
    let mut warnings = Vec::new();
    memory(plan, dir.as_fd(), &mut warnings)?;
    cpu(plan, dir.as_fd())?;
    for (file, value) in [("cpuset.cpus", &plan.cgroup.cpuset_cpus), ("cpuset.mems", &plan.cgroup.cpuset_mems)] {
        if !value.is_empty() {
            set(dir.as_fd(), file, value)?;
        }
    }
    if plan.cgroup.pids_limit > 0 {
        set(dir.as_fd(), "pids.max", &plan.cgroup.pids_limit.to_string())?;
    }
    io(plan, dir.as_fd(), &mut warnings)?;
    device::limit_v2(plan, dir.as_fd())?;
    Ok(Group { birthplace: Some(dir), warnings, ..Group::default() })
}

/// Lets the groups below have the controllers this one has.
fn pass_on(parent: &OwnedFd) -> Result<(), CgroupError> {
    let available = kernel::read(parent.as_fd(), "cgroup.controllers").unwrap_or_default();
    let already = kernel::read(parent.as_fd(), "cgroup.subtree_control").unwrap_or_default();
    let has = |text: &str, name: &str| text.split_ascii_whitespace().any(|word| word == name);
    for controller in CONTROLLERS {
        if has(&available, controller) && !has(&already, controller) {
            set(parent.as_fd(), "cgroup.subtree_control", &format!("+{controller}"))?;
        }
    }
    Ok(())
}

pub(super) fn memory(plan: &Plan, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    let limits = &plan.cgroup;
    if limits.memory > 0 {
        set(dir, "memory.max", &limits.memory.to_string())?;
    }
    if limits.memory_reservation > 0 {
        set(dir, "memory.low", &limits.memory_reservation.to_string())?;
    }
    // v2 counts swap alone where Docker's option means both together.
    let swap = match memory_and_swap(plan) {
        None => return Ok(()),
        Some(-1) => "max".to_owned(),
        Some(both) => u64::try_from(both).unwrap_or(0).saturating_sub(limits.memory).to_string(),
    };
    match set(dir, "memory.swap.max", &swap) {
        Err(CgroupError::Limit { source, .. }) if source.io_kind() == std::io::ErrorKind::NotFound => {
            warnings.push(super::v1::NO_SWAP.to_owned());
            Ok(())
        }
        other => other,
    }
}

pub(super) fn cpu(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    if plan.cgroup.cpu_shares > 0 {
        set(dir, "cpu.weight", &weight(plan.cgroup.cpu_shares).to_string())?;
    }
    if let Some((quota, period)) = cpu_bandwidth(plan) {
        let quota = if quota < 0 { "max".to_owned() } else { quota.to_string() };
        set(dir, "cpu.max", &format!("{quota} {period}"))?;
    }
    Ok(())
}

/// From v1's 2..262144 to v2's 1..10000, as runc and systemd convert.
pub(super) fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

pub(super) fn io(plan: &Plan, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    let limits = &plan.cgroup;
    if limits.blkio_weight > 0 {
        let bfq = limits.blkio_weight.to_string();
        let plain = 1 + u64::from(limits.blkio_weight.max(10) - 10) * 9999 / 990;
        if set(dir, "io.bfq.weight", &bfq).or_else(|_| set(dir, "io.weight", &plain.to_string())).is_err() {
            warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.".to_owned());
        }
    }
    for share in &limits.blkio_weight_device {
        let id = device::block(&share.path).map_err(at(plan))?;
        if set(dir, "io.bfq.weight", &format!("{}:{} {}", id.major, id.minor, share.rate)).is_err() {
            warnings.push(super::v1::WEIGHT_DEVICE.to_owned());
        }
    }
    let rates: [(&str, &[BlkioDevice]); 4] = [
        ("rbps", &limits.blkio_read_bps),
        ("wbps", &limits.blkio_write_bps),
        ("riops", &limits.blkio_read_iops),
        ("wiops", &limits.blkio_write_iops),
    ];
    for (key, devices) in rates {
        for rate in devices {
            let id = device::block(&rate.path).map_err(at(plan))?;
            set(dir, "io.max", &format!("{}:{} {key}={}", id.major, id.minor, rate.rate))?;
        }
    }
    Ok(())
}
