//! One entry that is no directory: a file, a symbolic link, a device, a pipe, a socket.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::{CopyStats, Job, Pair, attributes, content};
use crate::tree::Entry;
use crate::xattr::{self, Place, Scratch};
use crate::{Error, Result};

/// One thread's buffers and counts.
pub(super) struct Worker<'j, 'a> {
    job: &'j Job<'a>,
    buffer: Vec<u8>,
    scratch: Scratch,
    pub(super) stats: CopyStats,
}

impl<'j, 'a> Worker<'j, 'a> {
    pub(super) fn new(job: &'j Job<'a>) -> Self {
        Self { job, buffer: vec![0; content::BUFFER], scratch: Scratch::default(), stats: CopyStats::default() }
    }

    pub(super) fn batch(&mut self, pair: &Pair, names: &[Entry]) -> Result<()> {
        for entry in names {
            if self.job.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if entry.kind == FileType::RegularFile {
                self.file(pair, &entry.name)?;
            } else {
                self.special(pair, &entry.name)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, pair: &Pair, name: &CStr) -> Result<()> {
        let path = || shown(pair, name);
        let src = open_source(pair, name).map_err(|e| Error::new("open", path(), e))?;
        let stat = fs::fstat(&src).map_err(|e| Error::new("stat", path(), e))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return self.special(pair, name);
        }
        if self.is_further_link(&stat, path) {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dst = fs::openat(&pair.dst, name, flags, self.job.creation.mode(&stat)).map_err(|e| Error::new("create", path(), e))?;
        // The path is made once more only where a call takes it for its message.
        let path = path();
        content::copy(self.job, src.as_fd(), dst.as_fd(), &stat, &mut self.buffer, &path)?;
        attributes::set_created(self.job.creation, src.as_fd(), dst.as_fd(), &stat, &mut self.scratch, &path)?;
        self.stats.files += 1;
        self.stats.bytes += u64::try_from(stat.st_size).unwrap_or(0);
        Ok(())
    }

    /// The first name of a file with several is copied, the others become links to it when everything is copied.
    fn is_further_link(&self, stat: &Stat, path: impl Fn() -> PathBuf) -> bool {
        if stat.st_nlink < 2 {
            return false;
        }
        let mut linked = self.job.linked.lock().unwrap_or_else(PoisonError::into_inner);
        match linked.entry((stat.st_dev, stat.st_ino)) {
            std::collections::hash_map::Entry::Occupied(first) => {
                self.job.links.lock().unwrap_or_else(PoisonError::into_inner).push((first.get().clone(), path()));
                true
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(path());
                false
            }
        }
    }

    fn special(&mut self, pair: &Pair, name: &CStr) -> Result<()> {
        let path = shown(pair, name);
        let failed = |op| move |e: Errno| Error::new(op, shown(pair, name), e);
        let stat = fs::statat(&pair.src, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("stat"))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory || kind == FileType::RegularFile {
            // It changed its kind under our feet: the source is not ours to trust.
            return Err(Error::new("copy", &path, Errno::STALE));
        }
        if self.is_further_link(&stat, || path.clone()) {
            return Ok(());
        }
        if kind == FileType::Symlink {
            let target = fs::readlinkat(&pair.src, name, Vec::new()).map_err(failed("readlink"))?;
            fs::symlinkat(&*target, &pair.dst, name).map_err(failed("symlink"))?;
        } else {
            fs::mknodat(&pair.dst, name, kind, Mode::from_raw_mode(stat.st_mode & 0o7777), stat.st_rdev).map_err(failed("mknod"))?;
        }
        let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
        fs::chownat(&pair.dst, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("chown"))?;
        let (from, to) = (Place::Name(pair.src.as_fd(), name), Place::Name(pair.dst.as_fd(), name));
        xattr::copy(from, to, &mut self.scratch, &path)?;
        if kind != FileType::Symlink {
            fs::chmodat(&pair.dst, name, Mode::from_raw_mode(stat.st_mode & 0o7777), AtFlags::empty()).map_err(failed("chmod"))?;
        }
        fs::utimensat(&pair.dst, name, &attributes::times(&stat), AtFlags::SYMLINK_NOFOLLOW).map_err(failed("utimens"))?;
        self.stats.files += 1;
        Ok(())
    }
}

/// Without touching the access time where we may; never waiting on a pipe that took the file's place.
fn open_source(pair: &Pair, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(&pair.src, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => fs::openat(&pair.src, name, flags, Mode::empty()),
        other => other,
    }
}

fn shown(pair: &Pair, name: &CStr) -> PathBuf {
    pair.rel.join(OsStr::from_bytes(name.to_bytes()))
}
