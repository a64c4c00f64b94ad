//! Files that take the place of others: filled aside, flushed, then renamed over them.
//!
//! The flush comes first, so that a power cut leaves the old content or the new and never none. One flush a file costs more than a
//! millisecond; they wait for each other instead and share one of the whole file system (5000 files: 8.5 s each for itself).

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::AtFlags;

use super::Unpacker;
use crate::Result;

/// Files that wait at most.
const WAITING_MAX: usize = 2048;

/// Directories they are in at most; each holds a descriptor.
const DIRS_MAX: usize = 128;

/// Up to this many are flushed one by one: a flush of the file system would wait for everybody else's writes.
const SINGLES_MAX: usize = 8;

/// A file that is complete but for its name.
pub(super) struct Waiting {
    pub(super) dir: Rc<OwnedFd>,
    pub(super) aside: OsString,
    pub(super) name: OsString,
    /// Kept while they are few enough to be flushed one by one.
    pub(super) file: Option<OwnedFd>,
    /// For messages.
    pub(super) full: PathBuf,
}

impl Unpacker<'_> {
    /// Lets a file wait for the others.
    pub(super) fn wait(&mut self, waiting: Waiting) -> Result<()> {
        let keeps = self.waiting.len() < SINGLES_MAX;
        self.waiting.push(Waiting { file: waiting.file.filter(|_file| keeps), ..waiting });
        let dirs = self.waiting.chunk_by(|a, b| Rc::ptr_eq(&a.dir, &b.dir)).count();
        if self.waiting.len() == WAITING_MAX || dirs == DIRS_MAX { self.replace_waiting() } else { Ok(()) }
    }

    /// Gives all waiting files their names. Called before anything that could look at one of them by name.
    pub(super) fn replace_waiting(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut outcome = if waiting.len() > SINGLES_MAX { self.settle.flush_all(&self.dest) } else { Ok(()) };
        for one in &waiting {
            if outcome.is_ok()
                && let Some(file) = one.file.as_ref().filter(|_file| waiting.len() <= SINGLES_MAX)
            {
                outcome = self.sys("fsync", &one.full, rustix::fs::fsync(file));
            }
            if outcome.is_ok() {
                outcome = self.sys("rename", &one.full, rustix::fs::renameat(&*one.dir, &one.aside, &*one.dir, &one.name));
            }
            if outcome.is_err() {
                rustix::fs::unlinkat(&*one.dir, &one.aside, AtFlags::empty()).ok();
            }
        }
        outcome
    }
}
