//! `state.json` in the run directory: what is true of a container while its monitor lives. Lost at a reboot, as it should be.

use serde::{Deserialize, Serialize};
use stead_base::layout::RunRoot;
use stead_base::time::Time;

use crate::health::Health;

/// The stage of life of a container that has a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The monitor is ready, the process is not born yet.
    Created,
    /// The process runs.
    Running,
    /// The process is frozen.
    Paused,
    /// The process has ended and will be started again.
    Restarting,
    /// The end; `exit.json` says how.
    Exited,
}

/// The run state of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Stage of life.
    pub status: Status,
    /// The container's first process as the host sees it; 0 when there is none.
    pub pid: u32,
    /// When that process was started, in clock ticks since boot: a number that was given to another process meanwhile is not taken for it.
    #[serde(default)]
    pub pid_started: Option<u64>,
    /// The monitor.
    pub monitor_pid: u32,
    /// When the present (or last) process was started.
    pub started_at: Option<Time>,
    /// When the last process ended, if one has.
    pub finished_at: Option<Time>,
    /// The last exit code, if there is one.
    pub exit_code: Option<i32>,
    /// Restarts by policy since the last start by hand.
    pub restart_count: u32,
    /// Whether the last process was ended by the kernel for its memory.
    pub oom_killed: bool,
    /// Why the last (re)start failed, empty otherwise.
    pub error: String,
    /// What its health checks said, if it has any.
    #[serde(default)]
    pub health: Option<Health>,
}

impl State {
    /// The state of a container whose monitor is alive (its lock is held), else `None`. A torn or missing file under a held lock reads as [`Status::Created`].
    #[must_use]
    pub fn read(run_root: &RunRoot, id: &str) -> Option<Self> {
        if !stead_sys::lock::is_locked(&run_root.monitor_lock(id)).unwrap_or(false) {
            return None;
        }
        let state = std::fs::read(run_root.state(id)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Some(state.unwrap_or_else(|| Self { monitor_pid: 0, ..Self::unborn() }))
    }

    /// The state before the first start.
    pub(crate) fn unborn() -> Self {
        Self {
            status: Status::Created,
            pid: 0,
            pid_started: None,
            monitor_pid: std::process::id(),
            started_at: None,
            finished_at: None,
            exit_code: None,
            restart_count: 0,
            oom_killed: false,
            error: String::new(),
            health: None,
        }
    }
}

/// Start time of a process in clock ticks since boot (field 22 of its `stat`).
pub(crate) fn started_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in the second field may hold anything, a parenthesis too.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}
