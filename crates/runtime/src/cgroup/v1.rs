//! Version 1: one group in every hierarchy, each with its own files.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stead_sys::cgroup::{self as kernel, Layout};
use stead_sys::path::OFlags;

use super::{CgroupError, Group, at, cpu_bandwidth, descend, device, memory_and_swap, set};
use crate::spec::{BlkioDevice, Plan};

/// Docker's words for a kernel that does not count swap.
pub(super) const NO_SWAP: &str =
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.";
/// Docker's words for a kernel without an I/O scheduler that weighs.
pub(super) const WEIGHT_DEVICE: &str =
    "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.";

pub(super) fn create(plan: &Plan, layout: &Layout) -> Result<Group, CgroupError> {
    let mut group = Group { aliases: layout.aliases.clone(), ..Group::default() };
    for hierarchy in &layout.v1 {
        let cpuset = hierarchy.has("cpuset");
        let dir = descend(plan, &hierarchy.path, |parent, child, _made| if cpuset { inherit_cpuset(parent, child) } else { Ok(()) })?;
        for controller in hierarchy.name.split(',') {
            limit(plan, controller, dir.as_fd(), &mut group.warnings)?;
        }
        group.joins.push(kernel::open_file(dir.as_fd(), "cgroup.procs", OFlags::WRONLY).map_err(at(plan))?);
        group.shown.push((hierarchy.name.clone(), hierarchy.path.join(plan.cgroup_path())));
    }
    Ok(group)
}

fn limit(plan: &Plan, controller: &str, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    match controller {
        "memory" => memory(plan, dir, warnings),
        "cpu" => cpu(plan, dir),
        "cpuset" => cpuset(plan, dir),
        "pids" if plan.cgroup.pids_limit > 0 => set(dir, "pids.max", &plan.cgroup.pids_limit.to_string()),
        "blkio" => blkio(plan, dir, warnings),
        "devices" => device::limit_v1(plan, dir),
        _ => Ok(()),
    }
}

/// A group without CPUs or memory nodes takes no process; a new one has none.
fn inherit_cpuset(parent: &OwnedFd, child: &OwnedFd) -> Result<(), CgroupError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        // Whoever made the group may have been killed before this, or not have come so far yet.
        let empty = kernel::read(child.as_fd(), file).is_ok_and(|value| value.trim().is_empty());
        if let (true, Ok(value)) = (empty, kernel::read(parent.as_fd(), file)) {
            set(child.as_fd(), file, value.trim())?;
        }
    }
    Ok(())
}

fn memory(plan: &Plan, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    let limits = &plan.cgroup;
    if limits.memory > 0 {
        set(dir, "memory.limit_in_bytes", &limits.memory.to_string())?;
    }
    if let Some(both) = memory_and_swap(plan) {
        match set(dir, "memory.memsw.limit_in_bytes", &both.to_string()) {
            // The file is missing where swap accounting is off; Docker's warning.
            Err(CgroupError::Limit { source, .. }) if source.io_kind() == std::io::ErrorKind::NotFound => warnings.push(NO_SWAP.to_owned()),
            other => other?,
        }
    }
    if limits.memory_reservation > 0 {
        set(dir, "memory.soft_limit_in_bytes", &limits.memory_reservation.to_string())?;
    }
    if let Some(swappiness) = limits.memory_swappiness {
        set(dir, "memory.swappiness", &swappiness.to_string())?;
    }
    if limits.oom_kill_disable {
        set(dir, "memory.oom_control", "1")?;
    }
    Ok(())
}

pub(super) fn cpu(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    for (file, value) in [
        ("cpu.shares", plan.cgroup.cpu_shares),
        ("cpu.rt_period_us", plan.cgroup.cpu_rt_period),
        ("cpu.rt_runtime_us", plan.cgroup.cpu_rt_runtime),
    ] {
        if value > 0 {
            set(dir, file, &value.to_string())?;
        }
    }
    if let Some((quota, period)) = cpu_bandwidth(plan) {
        set(dir, "cpu.cfs_period_us", &period.to_string())?;
        set(dir, "cpu.cfs_quota_us", &quota.to_string())?;
    }
    Ok(())
}

pub(super) fn cpuset(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    for (file, value) in [("cpuset.cpus", &plan.cgroup.cpuset_cpus), ("cpuset.mems", &plan.cgroup.cpuset_mems)] {
        if !value.is_empty() {
            set(dir, file, value)?;
        }
    }
    Ok(())
}

pub(super) fn blkio(plan: &Plan, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    let limits = &plan.cgroup;
    if limits.blkio_weight > 0 {
        let weight = limits.blkio_weight.to_string();
        if set(dir, "blkio.weight", &weight).or_else(|_| set(dir, "blkio.bfq.weight", &weight)).is_err() {
            warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.".to_owned());
        }
    }
    for share in &limits.blkio_weight_device {
        let id = device::block(&share.path).map_err(at(plan))?;
        let line = format!("{}:{} {}", id.major, id.minor, share.rate);
        if set(dir, "blkio.weight_device", &line).or_else(|_| set(dir, "blkio.bfq.weight_device", &line)).is_err() {
            warnings.push(WEIGHT_DEVICE.to_owned());
        }
    }
    let throttles: [(&str, &[BlkioDevice]); 4] = [
        ("blkio.throttle.read_bps_device", &limits.blkio_read_bps),
        ("blkio.throttle.write_bps_device", &limits.blkio_write_bps),
        ("blkio.throttle.read_iops_device", &limits.blkio_read_iops),
        ("blkio.throttle.write_iops_device", &limits.blkio_write_iops),
    ];
    for (file, rates) in throttles {
        for rate in rates {
            let id = device::block(&rate.path).map_err(at(plan))?;
            set(dir, file, &format!("{}:{} {}", id.major, id.minor, rate.rate))?;
        }
    }
    Ok(())
}
