//! Events as they come: the kernel wakes us when the journal changes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use stead_base::layout::Root;
use stead_sys::Result;

use crate::append::make_dir;
use crate::event::Event;
use crate::lines::Lines;

/// How often a follower looks by itself where the kernel gives it no watch: their number is limited per user.
const LOOK: Duration = Duration::from_millis(200);

/// A place in the journal that waits for more.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    lines: Lines,
    watch: Option<OwnedFd>,
}

impl Follower {
    /// Everything from the oldest event on, then what comes.
    ///
    /// # Errors
    /// The journal's directory cannot be made.
    pub fn from_start(root: &Root) -> Result<Self> {
        Self::begin(root, |dir| Ok(Lines::from_start(dir)))
    }

    /// What comes from now on.
    ///
    /// # Errors
    /// The journal cannot be read, or its directory not be made.
    pub fn from_now(root: &Root) -> Result<Self> {
        Self::begin(root, Lines::from_end)
    }

    fn begin(root: &Root, lines: impl FnOnce(&Path) -> Result<Lines>) -> Result<Self> {
        let dir = root.events();
        // What is to be watched has to be there; the first event would make it anyway.
        make_dir(&dir)?;
        // The watch before the first look, so that nothing comes between them.
        let watch = watch(&dir);
        let lines = lines(&dir)?;
        Ok(Self { dir, lines, watch })
    }

    /// The next event; `None` when none came within `wait`, or when `interrupt` hung up before one did.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn next(&mut self, wait: Duration, interrupt: Option<BorrowedFd<'_>>) -> Result<Option<Event>> {
        let end = Instant::now().checked_add(wait);
        loop {
            if let Some(event) = self.lines.next()? {
                return Ok(Some(event));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            if self.sleep(left, interrupt) {
                return Ok(None);
            }
        }
    }

    /// Blocks until the journal may have changed, at most for `left`. True when `interrupt` hung up.
    fn sleep(&mut self, left: Option<Duration>, interrupt: Option<BorrowedFd<'_>>) -> bool {
        let left = if self.watch.is_some() { left } else { Some(left.map_or(LOOK, |left| left.min(LOOK))) };
        let timeout = left
            .map(|left| Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(left.subsec_nanos()) });
        let mut fds: Vec<PollFd<'_>> = interrupt.into_iter().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::empty())).collect();
        fds.extend(self.watch.iter().map(|watch| PollFd::new(watch, PollFlags::IN)));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return false;
        }
        let interrupted = interrupt.is_some() && !fds[0].revents().is_empty();
        drop(fds);
        // Somebody may have deleted the directory: what comes next lies in another one of that name.
        if self.watch.as_ref().is_none_or(gone) {
            self.watch_again();
        }
        interrupted
    }

    fn watch_again(&mut self) {
        self.watch = if make_dir(&self.dir).is_ok() { watch(&self.dir) } else { None };
    }
}

fn watch(dir: &Path) -> Option<OwnedFd> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    let wanted = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
    inotify::add_watch(&watch, dir, wanted | WatchFlags::ONLYDIR).ok()?;
    Some(watch)
}

/// Reads away what the kernel told; whether it told that the watched directory is no more.
fn gone(watch: &OwnedFd) -> bool {
    let mut space = [std::mem::MaybeUninit::<u8>::uninit(); 4096];
    let mut reader = inotify::Reader::new(watch.as_fd(), &mut space);
    let mut gone = false;
    while let Ok(event) = reader.next() {
        gone |= event.events().intersects(inotify::ReadFlags::DELETE_SELF | inotify::ReadFlags::MOVE_SELF | inotify::ReadFlags::IGNORED);
        if reader.is_buffer_empty() {
            break;
        }
    }
    gone
}
