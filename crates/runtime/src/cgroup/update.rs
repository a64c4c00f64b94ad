//! Other limits for a group that lives. What is zero in the plan is left as it is, except for what can be lifted: the number of processes.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use stead_sys::cgroup as kernel;

use super::{CgroupError, at, memory_and_swap, set, v1, v2};
use crate::spec::Plan;

/// Writes the plan's limits into its group; answers what could not be limited.
///
/// # Errors
/// The first limit the kernel refuses: some of the others may have been changed.
pub fn update(plan: &Plan) -> Result<Vec<String>, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let mut warnings = Vec::new();
    if layout.is_v2() {
        let top = layout.v2.as_deref().unwrap_or(Path::new("/sys/fs/cgroup"));
        let group = kernel::open(&top.join(plan.cgroup_path())).map_err(at(plan))?;
        let dir = group.as_fd();
        v2::memory(plan, dir, &mut warnings)?;
        v2::cpu(plan, dir)?;
        cpuset(plan, dir)?;
        pids(plan, dir)?;
        v2::io(plan, dir, &mut warnings)?;
        return Ok(warnings);
    }
    for hierarchy in &layout.v1 {
        // A hierarchy mounted after the container's birth has no group of it.
        let Ok(group) = kernel::open(&hierarchy.path.join(plan.cgroup_path())) else { continue };
        let dir = group.as_fd();
        for controller in hierarchy.name.split(',') {
            match controller {
                "memory" => memory_v1(plan, dir, &mut warnings)?,
                "cpu" => v1::cpu(plan, dir)?,
                "cpuset" => v1::cpuset(plan, dir)?,
                "pids" => pids(plan, dir)?,
                "blkio" => v1::blkio(plan, dir, &mut warnings)?,
                _ => {}
            }
        }
    }
    Ok(warnings)
}

fn pids(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    let most = plan.cgroup.pids_limit;
    set(dir, "pids.max", &if most > 0 { most.to_string() } else { "max".to_owned() })
}

fn cpuset(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    for (file, value) in [("cpuset.cpus", &plan.cgroup.cpuset_cpus), ("cpuset.mems", &plan.cgroup.cpuset_mems)] {
        if !value.is_empty() {
            set(dir, file, value)?;
        }
    }
    Ok(())
}

/// The kernel keeps memory below memory and swap at every moment: which of the two goes first depends on where they are.
fn memory_v1(plan: &Plan, dir: BorrowedFd<'_>, warnings: &mut Vec<String>) -> Result<(), CgroupError> {
    let limits = &plan.cgroup;
    let memory = || if limits.memory > 0 { set(dir, "memory.limit_in_bytes", &limits.memory.to_string()) } else { Ok(()) };
    let mut swap = || match memory_and_swap(plan).map(|both| set(dir, "memory.memsw.limit_in_bytes", &both.to_string())) {
        Some(Err(CgroupError::Limit { source, .. })) if source.io_kind() == std::io::ErrorKind::NotFound => {
            warnings.push(v1::NO_SWAP.to_owned());
            Ok(())
        }
        other => other.unwrap_or(Ok(())),
    };
    if memory().is_ok() {
        swap()?;
    } else {
        swap()?;
        memory()?;
    }
    if limits.memory_reservation > 0 {
        set(dir, "memory.soft_limit_in_bytes", &limits.memory_reservation.to_string())?;
    }
    Ok(())
}
