//! Waiting for a log to grow, or for its container to end, without polling.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use stead_base::time::Time;

use crate::client::Client;
use crate::protocol::{self, Condition, Kind};

/// How often a follower looks by itself where inotify gives nothing (its instances are limited per user).
const LOOK_MS: i64 = 100;

/// Why a wait was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something changed in the directory, perhaps the log.
    Grown,
    /// The container has ended for good; nothing more will be written.
    Ended,
    /// The moment the reader did not want to pass has passed, or who asked has left.
    Late,
}

/// A watch on one container's directory and a connection to its monitor.
#[derive(Debug)]
pub(crate) struct Follow {
    monitor: Client,
    watch: Option<OwnedFd>,
    /// The connection of who asked: nothing is read from it, only its end is seen.
    closed: Option<OwnedFd>,
}

impl Follow {
    /// `None` when the monitor has gone: the log is complete.
    pub(crate) fn start(mut monitor: Client, directory: &Path, closed: Option<OwnedFd>) -> Option<Self> {
        let wait = protocol::json(Kind::Wait, &protocol::Wait { condition: Condition::NotRunning });
        monitor.send_all(&wait).ok()?;
        monitor.owe(Kind::Exited);
        Some(Self { monitor, watch: watch(directory), closed })
    }

    /// Blocks until something happened, at most until `limit`.
    pub(crate) fn wait(&mut self, limit: Option<Time>) -> Woken {
        let mut left = limit.map(|limit| limit.since(Time::now()));
        if left.is_some_and(|nanos| nanos <= 0) {
            return Woken::Late;
        }
        if self.watch.is_none() {
            let look = i128::from(LOOK_MS) * 1_000_000;
            left = Some(left.map_or(look, |nanos| nanos.min(look)));
        }
        let timeout = left.map(|nanos| Timespec {
            tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or(0),
        });
        let mut fds = vec![PollFd::new(&self.monitor, PollFlags::IN)];
        if let Some(watch) = &self.watch {
            fds.push(PollFd::new(watch, PollFlags::IN));
        }
        if let Some(closed) = &self.closed {
            fds.push(PollFd::new(closed, PollFlags::empty()));
        }
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Woken::Grown;
        }
        let monitor_spoke = !fds[0].revents().is_empty();
        if self.closed.is_some() && fds.last().is_some_and(|fd| !fd.revents().is_empty()) {
            return Woken::Late;
        }
        drop(fds);
        if let Some(watch) = &self.watch {
            // What happened does not matter, only that it is read away.
            let mut events = [0u8; 4096];
            while rustix::io::read(watch, &mut events).is_ok_and(|count| count > 0) {}
        }
        if monitor_spoke { self.hear() } else { Woken::Grown }
    }

    fn hear(&mut self) -> Woken {
        match self.monitor.next_frame() {
            Ok(Some(frame)) if frame.kind != Kind::Exited => Woken::Grown,
            _ => Woken::Ended,
        }
    }
}

fn watch(directory: &Path) -> Option<OwnedFd> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
    let events = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, directory, events).ok()?;
    Some(watch)
}
