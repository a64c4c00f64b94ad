//! Which monitors there are: asked of the kernel, not of the records, so that one that nobody knows of is seen.

use std::os::fd::AsFd as _;
use std::path::Path;

use stead_base::layout::Root;
use stead_sys::process;

use crate::spawn::ROLE;

const SIGKILL: i32 = 9;

/// One living monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    /// Its process.
    pub pid: i32,
    /// Its container.
    pub id: String,
}

/// The monitors of all containers of a data root, of whatever run root.
#[must_use]
pub fn living(root: &Root) -> Vec<Living> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|pid| Some(Living { id: monitored(pid, root.path())?, pid })).collect()
}

/// Ends a monitor, and with it its container. A process that is no longer that monitor is left alone.
///
/// # Errors
/// The kernel's refusal.
pub fn end(root: &Root, monitor: &Living) -> stead_sys::Result<()> {
    let Ok(pidfd) = process::pidfd_open(monitor.pid) else { return Ok(()) };
    // The handle may belong to a newer process of the same number.
    if monitored(monitor.pid, root.path()).as_deref() != Some(&*monitor.id) {
        return Ok(());
    }
    process::pidfd_send_signal(pidfd.as_fd(), SIGKILL)
}

/// The container whose monitor a process is.
fn monitored(pid: i32, root: &Path) -> Option<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = std::str::from_utf8(&line).ok()?;
    let mut words = line.split('\0');
    let is_ours = words.next() == Some("stead") && words.next() == Some(ROLE);
    let id = words.next().filter(|id| is_ours && stead_base::ids::is_full_id(id))?;
    (words.next().map(Path::new) == Some(root)).then(|| id.to_owned())
}
