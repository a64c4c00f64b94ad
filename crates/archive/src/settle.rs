//! What must be on the disk before a copy is acknowledged.
//!
//! Few files: each is flushed, and every directory from it up to the top of its mount (overlayfs may have just copied those up). Many: one
//! flush of each file system touched. A flush reports write errors that happened since its descriptor was opened, so descriptors are opened
//! before the first write and kept to the end.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::{Result, scope};

/// Above this many files and directories one flush of the file system is cheaper than one each.
const SINGLES_MAX: usize = 24;

/// Directories above one file that are flushed at most.
const ANCESTORS_MAX: usize = 64;

/// Everything written so far that is not known to be durable.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    /// One descriptor for each mount written to.
    mounts: BTreeMap<u64, OwnedFd>,
    /// Files and directories written, while they are few.
    singles: Vec<OwnedFd>,
    many: bool,
}

impl Settle {
    /// Notes that something in `dir` is about to change.
    pub(crate) fn will_change(&mut self, dir: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let mount = scope::mount_id(dir)?;
        if let std::collections::btree_map::Entry::Vacant(place) = self.mounts.entry(mount) {
            place.insert(scope::reopen(dir, OFlags::RDONLY | OFlags::DIRECTORY)?);
        }
        if !self.many {
            let again = scope::reopen(dir, OFlags::RDONLY | OFlags::DIRECTORY)?;
            self.wrote(again);
        }
        Ok(())
    }

    /// Notes an open file or directory that was changed.
    pub(crate) fn wrote(&mut self, fd: OwnedFd) {
        if self.many {
            return;
        }
        if self.singles.len() == SINGLES_MAX {
            self.many = true;
            self.singles.clear();
            return;
        }
        self.singles.push(fd);
    }

    /// Flushes every file system written to.
    pub(crate) fn flush_all(&self, subject: &Path) -> Result<()> {
        for fd in self.mounts.values() {
            rustix::fs::syncfs(fd).map_err(|errno| stead_sys::Error::new("syncfs", subject, errno))?;
        }
        Ok(())
    }

    /// Returns when all of it is durable.
    pub(crate) fn finish(self, subject: &Path) -> Result<()> {
        let failed = |call, errno: rustix::io::Errno| stead_sys::Error::new(call, subject, errno);
        if self.many {
            return self.flush_all(subject);
        }
        let mut seen = HashSet::new();
        for fd in &self.singles {
            let attributes = rustix::fs::fstat(fd).map_err(|errno| failed("stat", errno))?;
            rustix::fs::fsync(fd).map_err(|errno| failed("fsync", errno))?;
            if scope::type_of(&attributes) == rustix::fs::FileType::Directory {
                flush_ancestors(fd.as_fd(), &mut seen).map_err(|errno| failed("fsync", errno))?;
            }
        }
        Ok(())
    }
}

/// Flushes the directories above `dir` that were not flushed yet, within its mount.
fn flush_ancestors(dir: BorrowedFd<'_>, seen: &mut HashSet<(u64, u64)>) -> rustix::io::Result<()> {
    let mount = scope::mount_id(dir)?;
    let mut current = rustix::io::fcntl_dupfd_cloexec(dir, 0)?;
    for _ in 0..ANCESTORS_MAX {
        let attributes = rustix::fs::fstat(&current)?;
        if !seen.insert((attributes.st_dev, attributes.st_ino)) {
            return Ok(());
        }
        rustix::fs::fsync(&current)?;
        current = rustix::fs::openat(&current, "..", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        if scope::mount_id(current.as_fd())? != mount {
            return Ok(());
        }
    }
    Ok(())
}
