//! Owner, mode, attributes and times, in the only order in which none undoes another.

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{self, Gid, Mode, Stat, Timespec, Timestamps, Uid};

use crate::xattr::{self, Place, Scratch};
use crate::{Error, Result};

/// Set-uid, set-gid and sticky; open(2) with them is not the same everywhere, so they are always set explicitly.
const SPECIAL_BITS: u32 = 0o7000;

/// What a file has just after its creation, to leave out calls that would change nothing: they are a quarter of the time of a copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Creation {
    uid: u32,
    /// `None` when the destination hands its own group down.
    gid: Option<u32>,
    /// Bits the process's umask takes away.
    umask: u32,
}

impl Creation {
    pub(super) fn look(dst: BorrowedFd<'_>) -> Result<Self> {
        let stat = fs::fstat(dst).map_err(|e| Error::new("stat", ".", e))?;
        let gid = rustix::process::getegid().as_raw();
        let inherited = stat.st_mode & 0o2000 != 0 || stat.st_gid != gid;
        Ok(Self { uid: rustix::process::geteuid().as_raw(), gid: (!inherited).then_some(gid), umask: umask() })
    }

    /// The mode to create with: never more than the final one, and private until the owner is right.
    pub(super) fn mode(&self, stat: &Stat) -> Mode {
        Mode::from_raw_mode(if self.owns(stat) { stat.st_mode & 0o777 } else { 0o600 })
    }

    fn owns(&self, stat: &Stat) -> bool {
        self.uid == stat.st_uid && self.gid == Some(stat.st_gid)
    }

    fn mode_is_set(&self, stat: &Stat) -> bool {
        self.owns(stat) && stat.st_mode & SPECIAL_BITS == 0 && stat.st_mode & self.umask & 0o777 == 0
    }
}

/// The umask without setting it, which would be seen by other threads; all bits when it can not be known.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("Umask:"));
    line.and_then(|l| u32::from_str_radix(l.trim(), 8).ok()).unwrap_or(0o777)
}

/// For a file that was created with [`Creation::mode`] and has its content.
pub(super) fn set_created(
    creation: Creation,
    src: BorrowedFd<'_>,
    dst: BorrowedFd<'_>,
    stat: &Stat,
    scratch: &mut Scratch,
    shown: &Path,
) -> Result<()> {
    // chown clears set-uid bits and capabilities, writing clears capabilities, an ACL changes the mode: hence this order.
    if !creation.owns(stat) {
        chown(dst, stat, shown)?;
    }
    xattr::copy(Place::File(src), Place::File(dst), scratch, shown)?;
    if !creation.mode_is_set(stat) {
        chmod(dst, stat, shown)?;
    }
    fs::futimens(dst, &times(stat)).map_err(|e| Error::new("utimens", shown, e))
}

/// For a directory.
pub(super) fn set_all(src: BorrowedFd<'_>, dst: BorrowedFd<'_>, stat: &Stat, scratch: &mut Scratch, shown: &Path) -> Result<()> {
    chown(dst, stat, shown)?;
    xattr::copy(Place::File(src), Place::File(dst), scratch, shown)?;
    chmod(dst, stat, shown)?;
    fs::futimens(dst, &times(stat)).map_err(|e| Error::new("utimens", shown, e))
}

fn chown(dst: BorrowedFd<'_>, stat: &Stat, shown: &Path) -> Result<()> {
    fs::fchown(dst, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).map_err(|e| Error::new("chown", shown, e))
}

fn chmod(dst: BorrowedFd<'_>, stat: &Stat, shown: &Path) -> Result<()> {
    fs::fchmod(dst, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(|e| Error::new("chmod", shown, e))
}

pub(super) fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanos| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
    Timestamps { last_access: time(stat.st_atime, stat.st_atime_nsec), last_modification: time(stat.st_mtime, stat.st_mtime_nsec) }
}
