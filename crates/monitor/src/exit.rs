//! `exit.json`: how a container ended last. Written durably before anybody who waits is told.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stead_base::layout::Root;
use stead_base::time::Time;

use crate::health::Health;

/// How one life of a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// What `$?` would show: 128 + signal for a killed process, 125/126/127 when it was never born.
    pub exit_code: i32,
    /// Whether the kernel killed a process of the container for its memory.
    pub oom_killed: bool,
    /// Why it could not be started, empty otherwise.
    pub error: String,
    /// When the process was started; absent when it never was.
    pub started_at: Option<Time>,
    /// When the end was seen.
    pub finished_at: Time,
    /// Restarts by policy since the last start by hand.
    pub restart_count: u32,
    /// The process that ended; 0 when there was none.
    pub pid: u32,
    /// Whether a person ended it (stop, kill): `unless-stopped` does not start it again after a reboot.
    pub stopped_by_hand: bool,
    /// What its health checks said last, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// The last exit on record; `None` when the container has never ended (or the file is torn, which the durable write excludes).
#[must_use]
pub fn read(root: &Root, id: &str) -> Option<Exit> {
    std::fs::read(root.exit(id)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// Makes an exit true on disk.
///
/// # Errors
/// The durable write's own.
pub fn write(path: &Path, exit: &Exit) -> stead_sys::Result<()> {
    let bytes = serde_json::to_vec(exit).map_err(|source| stead_sys::Error::new("encode", path, std::io::Error::from(source)))?;
    stead_sys::durable::replace_file(path, &bytes, 0o600)
}

/// `life.json`: when a container began to live last. The run root knows it better, but does not outlive the machine's run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Life {
    started_at: Time,
}

/// Notes a birth. Not flushed: what a power cut takes of it is that a life of a few seconds is not told.
pub(crate) fn begin(root: &Root, id: &str, started_at: Time) -> stead_sys::Result<()> {
    let path = root.life(id);
    let bytes =
        serde_json::to_vec(&Life { started_at }).map_err(|source| stead_sys::Error::new("encode", &path, std::io::Error::from(source)))?;
    stead_sys::durable::replace_unflushed(&path, &bytes, 0o600)
}

/// The end of a life that nobody saw, where the run root went with the machine: begun later than the `last` end on record. Docker's code is 255.
/// When it ended is not known; the machine's own beginning lies after it.
#[must_use]
pub fn unseen(root: &Root, id: &str, last: Option<&Exit>) -> Option<Exit> {
    let life: Life = serde_json::from_slice(&std::fs::read(root.life(id)).ok()?).ok()?;
    // The clock may have been set back in between.
    if last.is_some_and(|last| last.finished_at >= life.started_at || last.started_at == Some(life.started_at)) {
        return None;
    }
    Some(Exit {
        exit_code: UNSEEN,
        oom_killed: false,
        error: String::new(),
        started_at: Some(life.started_at),
        finished_at: booted().max(life.started_at),
        restart_count: 0,
        pid: 0,
        stopped_by_hand: false,
        health: last.and_then(|last| last.health.clone()),
    })
}

/// What Docker says of a container that went with the machine.
const UNSEEN: i32 = 255;

/// When the machine came up, as far as its clock can be believed.
fn booted() -> Time {
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Time::from_nanos(Time::now().nanos() - i128::from(up.tv_sec) * 1_000_000_000 - i128::from(up.tv_nsec))
}
