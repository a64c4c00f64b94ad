//! After a monitor that was killed: its container's processes are ended and the exit is written that it could not write.

use stead_base::layout::{Root, RunRoot};
use stead_base::time::Time;
use stead_sys::lock::Lock;
use stead_sys::process;

use crate::exit::{self, Exit};
use crate::health::{Health, HealthStatus};
use crate::state::{State, Status};

/// What a killed monitor left: the run state of a container that was alive, under a lock that nobody holds. `None` when all is in order.
#[must_use]
pub fn left_behind(run_root: &RunRoot, id: &str) -> Option<State> {
    let state: State = serde_json::from_slice(&std::fs::read(run_root.state(id)).ok()?).ok()?;
    let alive = matches!(state.status, Status::Running | Status::Paused | Status::Restarting);
    (alive && !stead_sys::lock::is_locked(&run_root.monitor_lock(id)).unwrap_or(true)).then_some(state)
}

/// Settles what [`left_behind`] finds and returns the exit it wrote; does nothing while a monitor lives. Call it before a start and in checks.
///
/// # Errors
/// When the lock or `exit.json` cannot be written.
pub fn settle(root: &Root, run_root: &RunRoot, id: &str) -> stead_sys::Result<Option<Exit>> {
    if left_behind(run_root, id).is_none() {
        return Ok(None);
    }
    let Some(_held) = Lock::try_exclusive(&run_root.monitor_lock(id))? else {
        return Ok(None);
    };
    // Again, now that nobody else can settle it.
    let Some(state) = read_alive(run_root, id) else { return Ok(None) };
    end_processes(run_root, id, &state);
    if let Some(written) = exit::read(root, id).filter(|exit| exit.started_at.is_some() && exit.started_at == state.started_at) {
        // It was killed between the exit and the state that follows from it.
        stead_sys::durable::remove_file(&run_root.state(id))?;
        return Ok(Some(written));
    }
    let exit = Exit {
        // A restarting container had ended before; a running one dies with its monitor, by SIGKILL.
        exit_code: if state.status == Status::Restarting { state.exit_code.unwrap_or(137) } else { 137 },
        oom_killed: false,
        error: String::new(),
        started_at: state.started_at,
        finished_at: state.finished_at.filter(|_| state.status == Status::Restarting).unwrap_or_else(Time::now),
        restart_count: state.restart_count,
        pid: state.pid,
        stopped_by_hand: false,
        health: state.health.map(|health| Health { status: HealthStatus::Unhealthy, ..health }),
    };
    exit::write(&root.exit(id), &exit)?;
    stead_sys::durable::remove_file(&run_root.state(id))?;
    Ok(Some(exit))
}

fn read_alive(run_root: &RunRoot, id: &str) -> Option<State> {
    let state: State = serde_json::from_slice(&std::fs::read(run_root.state(id)).ok()?).ok()?;
    matches!(state.status, Status::Running | Status::Paused | Status::Restarting).then_some(state)
}

/// The parent-death signal has killed the first process already, and with it its pid namespace; this is for a container in the host's
/// pid namespace and for a first process that has shed the signal.
fn end_processes(run_root: &RunRoot, id: &str, state: &State) {
    if let Some(plan) = crate::serve::read_plan(run_root, id) {
        crate::cage::end(&plan);
    }
    let Ok(pid) = i32::try_from(state.pid) else { return };
    if pid > 0
        && state.pid_started.is_some()
        && crate::state::started_ticks(pid) == state.pid_started
        && let Ok(pidfd) = process::pidfd_open(pid)
    {
        // The handle may belong to a newer process of the same number only if the old one was reaped between the two looks.
        if crate::state::started_ticks(pid) == state.pid_started {
            crate::tolerate(process::pidfd_send_signal(std::os::fd::AsFd::as_fd(&pidfd), 9));
        }
    }
}

/// Deletes the run directory of a container that is no more.
///
/// # Errors
/// Something in it cannot be deleted.
pub fn forget(run_root: &RunRoot, id: &str) -> stead_sys::Result<()> {
    let dir = run_root.container(id);
    let Some(parent) = dir.parent() else { return Ok(()) };
    match std::fs::File::open(parent) {
        Ok(parent) => stead_sys::tree::remove_tree(&parent, std::ffi::OsStr::new(id)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(stead_sys::Error::new("open", parent, error)),
    }
}
