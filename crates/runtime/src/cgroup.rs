//! The container's control group: made with its limits before the process, joined by the process itself, left for the monitor to end.
//!
//! All three layouts of the field: v1 (one group in every hierarchy), hybrid (v1 controllers beside an empty v2), v2 (one group).

mod device;
mod update;
pub mod usage;
mod v1;
mod v2;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_sys::cgroup as kernel;

pub(crate) use device::rules as device_rules;
pub use update::update;

use crate::spec::Plan;

/// A control group that cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A step of the kernel failed.
    #[error("control group {group}: {source}")]
    Sys {
        /// Path below the hierarchy.
        group: String,
        /// What failed.
        source: stead_sys::Error,
    },
    /// The kernel refused a limit.
    #[error("failed to write {value:?} to {file}: {source}")]
    Limit {
        /// The control file.
        file: String,
        /// The value.
        value: String,
        /// What the kernel said.
        source: stead_sys::Error,
    },
    /// Nothing is mounted under /sys/fs/cgroup.
    #[error("no control groups are mounted at /sys/fs/cgroup")]
    None,
}

impl CgroupError {
    /// The universal kind.
    pub fn kind(&self) -> stead_base::Kind {
        match self {
            Self::Limit { .. } => stead_base::Kind::Invalid,
            Self::None => stead_base::Kind::Unsupported,
            Self::Sys { .. } => stead_base::Kind::Internal,
        }
    }
}

/// What `docker info` calls the version: `1` (hybrid counts as it) or `2`.
pub fn version() -> &'static str {
    if kernel::detect().is_ok_and(|layout| layout.is_v2()) { "2" } else { "1" }
}

/// Whether this kernel shares real-time CPU out by groups (v1 only, and few distributions).
pub fn has_realtime() -> bool {
    kernel::detect().is_ok_and(|layout| layout.with("cpu").is_some_and(|cpu| cpu.path.join("cpu.rt_runtime_us").exists()))
}

/// Whether this kernel weighs block I/O by groups: on v1 a scheduler must be there that does.
pub fn has_io_weight() -> bool {
    kernel::detect().is_ok_and(|layout| {
        let files = ["blkio.weight", "blkio.bfq.weight"];
        layout.is_v2() || layout.with("blkio").is_some_and(|blkio| files.iter().any(|file| blkio.path.join(file).exists()))
    })
}

/// The processes of a container, those in groups it made itself too, sorted.
///
/// # Errors
/// Its group is gone.
pub fn processes(plan: &Plan) -> Result<Vec<i32>, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let top = layout.v2.as_ref().filter(|_| layout.is_v2());
    let top = top.or_else(|| ["pids", "memory", "cpu"].iter().find_map(|c| layout.with(c)).or(layout.v1.first()).map(|h| &h.path));
    let group = kernel::open(&top.ok_or(CgroupError::None)?.join(plan.cgroup_path())).map_err(at(plan))?;
    let mut pids = kernel::processes_below(group.as_fd()).map_err(at(plan))?;
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

/// A made group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// `cgroup.procs` of every hierarchy, for the child to write itself into.
    pub(crate) joins: Vec<OwnedFd>,
    /// The group's directory, to be born in (v2).
    pub(crate) birthplace: Option<OwnedFd>,
    /// For each v1 hierarchy its name and the group's directory, to be shown in the container.
    pub(crate) shown: Vec<(String, PathBuf)>,
    /// Other names of hierarchies.
    pub(crate) aliases: Vec<(String, String)>,
    /// What could not be limited.
    pub(crate) warnings: Vec<String>,
}

/// Makes the group of a plan (or takes the one a killed monitor left) and sets its limits.
pub(crate) fn create(plan: &Plan) -> Result<Group, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    if layout.is_v2() {
        v2::create(plan, layout.v2.as_deref().unwrap_or(Path::new("/sys/fs/cgroup")))
    } else if layout.v1.is_empty() {
        Err(CgroupError::None)
    } else {
        v1::create(plan, &layout)
    }
}

/// The existing group of a plan, for one more process.
pub(crate) fn existing(plan: &Plan) -> Result<Group, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let mut group = Group::default();
    for top in layout.v1.iter().map(|hierarchy| &hierarchy.path).chain(layout.v2.iter().filter(|_| layout.is_v2())) {
        // A hierarchy mounted after the container's birth has no group of it.
        let Ok(dir) = kernel::open(&top.join(plan.cgroup_path())) else { continue };
        if layout.is_v2() {
            group.birthplace = Some(dir);
        } else {
            group.joins.push(kernel::open_file(dir.as_fd(), "cgroup.procs", stead_sys::path::OFlags::WRONLY).map_err(at(plan))?);
        }
    }
    Ok(group)
}

/// Removes the group. `EBUSY` while a process is inside.
pub fn delete(plan: &Plan) -> Result<(), CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    for top in layout.v1.iter().map(|hierarchy| &hierarchy.path).chain(&layout.v2) {
        let root = kernel::open(top).map_err(at(plan))?;
        kernel::remove(root.as_fd(), Path::new(&plan.cgroup_path())).map_err(at(plan))?;
    }
    Ok(())
}

/// Stops (or lets go on) every process of the container.
pub fn freeze(plan: &Plan, yes: bool) -> Result<(), CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let (top, file, value) = match (layout.with("freezer"), &layout.v2) {
        (Some(freezer), _) => (&freezer.path, "freezer.state", if yes { "FROZEN" } else { "THAWED" }),
        (None, Some(v2)) => (v2, "cgroup.freeze", if yes { "1" } else { "0" }),
        (None, None) => return Err(CgroupError::None),
    };
    let group = kernel::open(&top.join(plan.cgroup_path())).map_err(at(plan))?;
    set(group.as_fd(), file, value)
}

/// What a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Memory in bytes.
    pub memory: u64,
    /// Its limit in bytes; none where there is none.
    pub memory_limit: Option<u64>,
    /// CPU time in nanoseconds.
    pub cpu: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// Reads what a container uses. What the kernel does not count is zero.
pub fn stats(plan: &Plan) -> Result<Stats, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let read = |controller: &str, file: &str| {
        let top = if layout.is_v2() { layout.v2.as_ref() } else { layout.with(controller).map(|hierarchy| &hierarchy.path) };
        let group = kernel::open(&top?.join(plan.cgroup_path())).ok()?;
        kernel::read(group.as_fd(), file).ok()
    };
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<u64>().ok());
    // v1 says "unlimited" as the largest multiple of a page below 2^63.
    let limit = |bytes: Option<u64>| bytes.filter(|bytes| *bytes < 1 << 62);
    Ok(if layout.is_v2() {
        let usage = read("cpu", "cpu.stat").unwrap_or_default();
        let microseconds = usage.lines().find_map(|line| line.strip_prefix("usage_usec ")).and_then(|text| text.parse::<u64>().ok());
        Stats {
            memory: number(read("memory", "memory.current")).unwrap_or(0),
            memory_limit: limit(number(read("memory", "memory.max"))),
            cpu: microseconds.unwrap_or(0).saturating_mul(1000),
            pids: number(read("pids", "pids.current")).unwrap_or(0),
        }
    } else {
        Stats {
            memory: number(read("memory", "memory.usage_in_bytes")).unwrap_or(0),
            memory_limit: limit(number(read("memory", "memory.limit_in_bytes"))),
            cpu: number(read("cpuacct", "cpuacct.usage")).unwrap_or(0),
            pids: number(read("pids", "pids.current")).unwrap_or(0),
        }
    })
}

/// Names the group in a failed step.
fn at(plan: &Plan) -> impl FnOnce(stead_sys::Error) -> CgroupError {
    let group = plan.cgroup_path();
    move |source| CgroupError::Sys { group, source }
}

/// Writes a limit.
fn set(group: std::os::fd::BorrowedFd<'_>, file: &str, value: &str) -> Result<(), CgroupError> {
    kernel::write(group, file, value).map_err(|source| CgroupError::Limit { file: file.to_owned(), value: value.to_owned(), source })
}

/// Opens a group below `top`, making what is missing. `passed` sees every group on the way, the last one too, and whether it is new.
fn descend(
    plan: &Plan,
    top: &Path,
    mut passed: impl FnMut(&OwnedFd, &OwnedFd, bool) -> Result<(), CgroupError>,
) -> Result<OwnedFd, CgroupError> {
    let mut here = kernel::open(top).map_err(at(plan))?;
    for name in plan.cgroup_path().split('/').filter(|name| !name.is_empty()) {
        let (next, made) = kernel::open_child(here.as_fd(), name, true).map_err(at(plan))?;
        passed(&here, &next, made)?;
        here = next;
    }
    Ok(here)
}

/// Quota and period in microseconds of what was asked for CPUs, if anything was.
pub(crate) fn cpu_bandwidth(plan: &Plan) -> Option<(i64, u64)> {
    /// The kernel's and Docker's default period.
    const PERIOD: u64 = 100_000;
    let limits = &plan.cgroup;
    if limits.nano_cpus > 0 {
        let quota = limits.nano_cpus.saturating_mul(PERIOD) / 1_000_000_000;
        // The kernel takes no quota below a millisecond.
        return Some((i64::try_from(quota).unwrap_or(i64::MAX).max(1000), PERIOD));
    }
    if limits.cpu_quota == 0 && limits.cpu_period == 0 {
        return None;
    }
    let quota = if limits.cpu_quota == 0 { -1 } else { limits.cpu_quota };
    Some((quota, if limits.cpu_period == 0 { PERIOD } else { limits.cpu_period }))
}

/// Memory and swap together in bytes: none where only the kernel's default holds, -1 unlimited. Docker's default is twice the memory.
pub(crate) fn memory_and_swap(plan: &Plan) -> Option<i64> {
    let limits = &plan.cgroup;
    match limits.memory_swap {
        0 if limits.memory == 0 => None,
        0 => Some(i64::try_from(limits.memory.saturating_mul(2)).unwrap_or(i64::MAX)),
        value => Some(value),
    }
}

#[cfg(test)]
mod tests;
