//! Locks between processes: flock on a file of its own, given back by the kernel when the holder dies.
//!
//! A child that was cloned without exec shares the lock until it execs or exits; the descriptor is close-on-exec.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Result};

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Waits until nobody else holds the lock at `path`. The file is created (0600) when missing, its directory is not.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn exclusive(path: &Path) -> Result<Self> {
        Self::take(path, FlockOperation::LockExclusive)?.ok_or_else(|| Error::new("flock", path, Errno::WOULDBLOCK))
    }

    /// Waits until nobody holds it exclusively; several may share it.
    ///
    /// # Errors
    /// As [`Lock::exclusive`].
    pub fn shared(path: &Path) -> Result<Self> {
        Self::take(path, FlockOperation::LockShared)?.ok_or_else(|| Error::new("flock", path, Errno::WOULDBLOCK))
    }

    /// The lock if it is free now, `None` if somebody holds it.
    ///
    /// # Errors
    /// As [`Lock::exclusive`].
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>> {
        // [`is_locked`] holds it shared for some microseconds; one that lost against that probe must not report a holder.
        for _ in 0..3 {
            if let Some(lock) = Self::take(path, FlockOperation::NonBlockingLockExclusive)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        Ok(None)
    }

    /// Tries for at most `limit`; `None` when it was still held then.
    ///
    /// # Errors
    /// As [`Lock::exclusive`].
    pub fn exclusive_within(path: &Path, limit: Duration) -> Result<Option<Self>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(lock) = Self::try_exclusive(path)? {
                return Ok(Some(lock));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn take(path: &Path, how: FlockOperation) -> Result<Option<Self>> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Error::new("open", path, e))?;
            match retry(|| fs::flock(&fd, how)) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(e) => return Err(Error::new("flock", path, e)),
            }
            // The holder before us may have deleted the file; a lock on a deleted file keeps nobody out.
            if same_file(fd.as_fd(), path)? {
                return Ok(Some(Self { file: File::from(fd), path: path.to_path_buf() }));
            }
        }
    }

    /// Deletes the lock's file and gives the lock back; waiters notice and take a new file.
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub fn remove(self) -> Result<()> {
        match fs::unlink(&self.path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Error::new("unlink", &self.path, e)),
        }
    }

    /// Where the lock's file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether somebody (this process included) holds the lock at `path` exclusively. A missing file is not locked.
///
/// # Errors
/// The file cannot be opened or probed.
pub fn is_locked(path: &Path) -> Result<bool> {
    let fd = match fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(false),
        Err(e) => return Err(Error::new("open", path, e)),
    };
    match retry(|| fs::flock(&fd, FlockOperation::NonBlockingLockShared)) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(Error::new("flock", path, e)),
    }
}

pub(crate) fn same_file(fd: BorrowedFd<'_>, path: &Path) -> Result<bool> {
    let held = fs::fstat(fd).map_err(|e| Error::new("stat", path, e))?;
    match fs::lstat(path) {
        Ok(named) => Ok((held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(Error::new("stat", path, e)),
    }
}

fn retry(mut call: impl FnMut() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn one_holder_at_a_time_and_the_probe_sees_it() {
        let dir = TestDir::new();
        let path = dir.path().join("l");
        assert!(!is_locked(&path).unwrap());
        let held = Lock::exclusive(&path).unwrap();
        assert!(is_locked(&path).unwrap());
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        assert!(Lock::exclusive_within(&path, Duration::from_millis(20)).unwrap().is_none());
        drop(held);
        assert!(!is_locked(&path).unwrap());
        let a = Lock::shared(&path).unwrap();
        let b = Lock::shared(&path).unwrap();
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop((a, b));
        assert!(Lock::try_exclusive(&path).unwrap().is_some());
    }

    #[test]
    fn a_waiter_on_a_deleted_file_takes_the_new_one() {
        let dir = TestDir::new();
        let path = dir.path().join("l");
        let first = Lock::exclusive(&path).unwrap();
        let waiter = std::thread::spawn({
            let path = path.clone();
            move || {
                let lock = Lock::exclusive(&path).unwrap();
                assert!(lock.path().exists());
                lock
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        first.remove().unwrap();
        let second = waiter.join().unwrap();
        assert!(Lock::try_exclusive(&path).unwrap().is_none(), "the new file is the lock now");
        drop(second);
    }
}
