//! Leases between processes: any number of named things in one file, each held shared or exclusively, given back by the kernel when the last
//! descriptor of the open file is closed, whatever ended its owners.
//!
//! Open file description locks (`F_OFD_SETLK`, fcntl(2), Linux 3.15) on byte ranges: they go with a descriptor that is passed on, as flock's do, and one
//! descriptor carries all of a container's, so that nothing limits how many there are and no file is left behind for each.
//! A child that was cloned without exec shares them until it execs or exits; the descriptor is close-on-exec.

#![expect(unsafe_code, reason = "rustix has no locks of open file descriptions")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Result};

/// What is held of one thing, or wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Want {
    /// Which thing, by [`place`].
    pub at: u64,
    /// Nobody else may hold it at all.
    pub exclusive: bool,
}

/// Everything that one holder holds; dropping the last descriptor of it gives all of it back.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Lease {
    /// Takes everything that is wanted or, where somebody has one of it, nothing; the inner error is the index of that one. The file is made (0600)
    /// when missing, its directory is not.
    ///
    /// Who takes the same things in the same order never refuses each other for ever.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn take(path: &Path, wanted: &[Want]) -> Result<std::result::Result<Self, usize>> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Error::new("open", path, e))?;
            for (index, want) in wanted.iter().enumerate() {
                let kind = if want.exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
                match ofd(fd.as_fd(), libc::F_OFD_SETLK, kind, want.at) {
                    Ok(_) => {}
                    Err(Errno::AGAIN | Errno::ACCESS) => return Ok(Err(index)),
                    Err(e) => return Err(Error::new("lock", path, e)),
                }
            }
            // Somebody may have emptied the run directory: what is locked in a file that has no name keeps nobody out.
            if crate::lock::same_file(fd.as_fd(), path)? {
                return Ok(Ok(Self { file: File::from(fd) }));
            }
        }
    }
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether somebody holds a thing so that this could not be had now. A missing file holds nothing.
///
/// # Errors
/// The file cannot be opened or asked.
pub fn is_held(path: &Path, want: Want) -> Result<bool> {
    let fd = match fs::open(path, OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(false),
        Err(e) => return Err(Error::new("open", path, e)),
    };
    let kind = if want.exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
    let found = ofd(fd.as_fd(), libc::F_OFD_GETLK, kind, want.at).map_err(|e| Error::new("lock", path, e))?;
    Ok(found != libc::F_UNLCK)
}

/// The place of a named thing: 61 bits of a hash (FNV-1a). Two names share one by chance once in a quintillion pairs, and then only refuse each other.
#[must_use]
pub fn place(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash >> 3
}

fn ofd(fd: BorrowedFd<'_>, command: i32, kind: i32, at: u64) -> rustix::io::Result<i32> {
    let start = libc::off_t::try_from(at).map_err(|_out_of_range| Errno::INVAL)?;
    let kind = libc::c_short::try_from(kind).map_err(|_out_of_range| Errno::INVAL)?;
    let whence = libc::c_short::try_from(libc::SEEK_SET).map_err(|_out_of_range| Errno::INVAL)?;
    let mut lock = libc::flock { l_type: kind, l_whence: whence, l_start: start, l_len: 1, l_pid: 0 };
    loop {
        // SAFETY: the descriptor is open, and `lock` is a valid flock for the duration of the call; the kernel writes no further than it.
        if unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw mut lock) } == 0 {
            return Ok(i32::from(lock.l_type));
        }
        let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
        if errno != Errno::INTR {
            return Err(errno);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    fn want(name: &str, exclusive: bool) -> Want {
        Want { at: place(name), exclusive }
    }

    #[test]
    fn shared_ones_go_together_and_an_exclusive_one_stands_alone() {
        let dir = TestDir::new();
        let path = dir.path().join("leases");
        assert!(!is_held(&path, want("a", true)).unwrap());
        let first = Lease::take(&path, &[want("a", false), want("b", true)]).unwrap().unwrap();
        let second = Lease::take(&path, &[want("a", false)]).unwrap().unwrap();
        assert_eq!(Lease::take(&path, &[want("c", true), want("a", true)]).unwrap().unwrap_err(), 1);
        assert_eq!(Lease::take(&path, &[want("b", false)]).unwrap().unwrap_err(), 0);
        assert!(!is_held(&path, want("c", true)).unwrap(), "a refused lease holds nothing");
        assert!(is_held(&path, want("a", true)).unwrap() && !is_held(&path, want("a", false)).unwrap());
        drop(first);
        assert!(!is_held(&path, want("b", true)).unwrap());
        assert!(is_held(&path, want("a", true)).unwrap());
        drop(second);
        assert!(Lease::take(&path, &[want("a", true)]).unwrap().is_ok());
    }

    #[test]
    fn a_copy_of_the_descriptor_holds_on() {
        let dir = TestDir::new();
        let path = dir.path().join("leases");
        let lease = Lease::take(&path, &[want("a", true)]).unwrap().unwrap();
        let copy = rustix::io::fcntl_dupfd_cloexec(&lease, 3).unwrap();
        drop(lease);
        assert!(is_held(&path, want("a", false)).unwrap());
        drop(copy);
        assert!(!is_held(&path, want("a", false)).unwrap());
    }

    #[test]
    fn a_file_without_a_name_keeps_nobody_out() {
        let dir = TestDir::new();
        let path = dir.path().join("leases");
        let _old = Lease::take(&path, &[want("a", true)]).unwrap().unwrap();
        crate::durable::remove_file(&path).unwrap();
        assert!(Lease::take(&path, &[want("a", true)]).unwrap().is_ok());
    }
}
