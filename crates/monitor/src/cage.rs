//! The container's control groups as the monitor needs them: was memory short, freeze, end everything, leave nothing.
//!
//! Works by what lies there: `<path>` below the v2 hierarchy, below `unified` of a hybrid one, and below every v1 controller.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stead_runtime::Plan;

const ROOT: &str = "/sys/fs/cgroup";
/// How often the removal of a group is tried: the kernel needs a moment after the last process has gone.
const TRIES: u32 = 50;

/// The groups of a container that exist.
fn groups(plan: &Plan) -> Vec<PathBuf> {
    let relative = plan.cgroup_path();
    let mut found = Vec::new();
    let mut look = |base: &Path| {
        let group = base.join(&relative);
        if group.is_dir() {
            found.push(group);
        }
    };
    look(Path::new(ROOT));
    for entry in std::fs::read_dir(ROOT).into_iter().flatten().flatten() {
        // Symlinks (`cpu` -> `cpu,cpuacct`) would show a group twice.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look(&entry.path());
        }
    }
    found
}

/// Whether the kernel killed a process of this container for its memory.
pub(crate) fn oom_killed(plan: &Plan) -> bool {
    let killed = |file: PathBuf| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
    };
    groups(plan).into_iter().any(|group| killed(group.join("memory.events")) || killed(group.join("memory.oom_control")))
}

/// Freezes or thaws all processes.
pub(crate) fn freeze(plan: &Plan, yes: bool) -> std::io::Result<()> {
    for group in groups(plan) {
        for (file, on, off) in [("cgroup.freeze", "1", "0"), ("freezer.state", "FROZEN", "THAWED")] {
            if group.join(file).exists() {
                return put(&group.join(file), if yes { on } else { off });
            }
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this kernel offers no freezer for the container's control group"))
}

/// Whether every process stands still: the kernel takes a moment for those inside of it.
pub(crate) fn is_frozen(plan: &Plan) -> bool {
    for group in groups(plan) {
        if let Ok(state) = std::fs::read_to_string(group.join("freezer.state")) {
            return state.trim() == "FROZEN";
        }
        if let Ok(events) = std::fs::read_to_string(group.join("cgroup.events"))
            && group.join("cgroup.freeze").exists()
        {
            return events.lines().any(|line| line == "frozen 1");
        }
    }
    false
}

/// Kills a session's process, which has not been told to have ended: until then its number is nobody else's.
pub fn kill_session(pid: u32) {
    if let Ok(pidfd) = i32::try_from(pid).map_err(drop).and_then(|pid| stead_sys::process::pidfd_open(pid).map_err(drop)) {
        crate::tolerate(stead_sys::process::pidfd_send_signal(std::os::fd::AsFd::as_fd(&pidfd), 9));
    }
}

/// Kills every process and removes the groups.
pub(crate) fn end(plan: &Plan) {
    let groups = groups(plan);
    for group in &groups {
        if put(&group.join("cgroup.kill"), "1").is_err() {
            crate::tolerate(put(&group.join("freezer.state"), "THAWED"));
            for pid in std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default().lines().filter_map(|line| line.parse().ok())
            {
                if let Ok(pidfd) = stead_sys::process::pidfd_open(pid) {
                    crate::tolerate(stead_sys::process::pidfd_send_signal(std::os::fd::AsFd::as_fd(&pidfd), 9));
                }
            }
        }
    }
    remove_all(&groups);
}

fn remove_all(groups: &[PathBuf]) {
    for group in groups {
        let mut wait = Duration::from_micros(200);
        for _ in 0..TRIES {
            if remove_tree(group) {
                break;
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(Duration::from_millis(20));
        }
    }
}

/// Groups below (an init system inside made them) first. True when nothing is left or nothing can be done.
fn remove_tree(group: &Path) -> bool {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    match std::fs::remove_dir(group) {
        Ok(()) => true,
        Err(error) => error.kind() != std::io::ErrorKind::ResourceBusy,
    }
}

fn put(file: &Path, value: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
}
