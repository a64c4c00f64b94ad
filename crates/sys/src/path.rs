//! Paths that cannot escape: every lookup below a root goes through openat2, so a symlink swapped in meanwhile changes nothing.
//!
//! Two promises: *in root* treats the directory as `/` for symlinks and `..` (what a container would see); *beneath* refuses symlinks
//! altogether (what an engine wants inside its own trees and in volume subpaths).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, ResolveFlags};
use rustix::io::Errno;

pub use rustix::fs::{Mode, OFlags};

use crate::{Error, Result};

/// How many symlinks one lookup may pass; the kernel's own limit.
const SYMLINKS_MAX: u32 = 40;

/// How often a lookup is tried again when a rename elsewhere disturbed it (the kernel answers EAGAIN then).
const RETRIES_MAX: u32 = 256;

/// Opens a directory as a handle for lookups below it (`O_PATH`).
pub fn open_root(path: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::new("open", path, errno))
}

/// Opens `rel` as a process whose root is `root` would: symlinks and `..` stay inside. Magic links are refused.
pub fn open_in_root(root: BorrowedFd<'_>, rel: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    resolve(root, rel, flags, mode, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// Opens `rel` strictly beneath `dir`: no symlink, no `..` out of it, no magic link.
pub fn open_beneath(dir: BorrowedFd<'_>, rel: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    resolve(dir, rel, flags, mode, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
}

/// As [`open_beneath`], and never into another mount.
pub fn open_beneath_same_mount(dir: BorrowedFd<'_>, rel: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    let rules = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    resolve(dir, rel, flags, mode, rules)
}

fn resolve(dir: BorrowedFd<'_>, rel: &Path, flags: OFlags, mode: Mode, rules: ResolveFlags) -> Result<OwnedFd> {
    let wanted = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
    for _ in 0..RETRIES_MAX {
        match rustix::fs::openat2(dir, wanted, flags | OFlags::CLOEXEC, mode, rules) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other.map_err(|errno| Error::new("open", rel, errno)),
        }
    }
    Err(Error::new("open", rel, Errno::AGAIN))
}

/// Makes `rel` and the directories on the way inside `root`, and returns a handle (`O_PATH`) to the last one.
///
/// Symlinks are followed inside the root; one that dangles gets the directory it names, as Docker does for WORKDIR and mount targets.
pub fn mkdir_all_in_root(root: BorrowedFd<'_>, rel: &Path, mode: Mode) -> Result<OwnedFd> {
    let directory = OFlags::PATH | OFlags::DIRECTORY;
    match open_in_root(root, rel, directory, Mode::empty()) {
        Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {}
        other => return other,
    }
    let mut todo: VecDeque<OsString> = names_of(rel);
    let mut done = PathBuf::new();
    let mut links = 0;
    let mut current = open_in_root(root, &done, directory, Mode::empty())?;
    while let Some(name) = todo.pop_front() {
        let next = done.join(&name);
        match open_in_root(root, &next, directory, Mode::empty()) {
            Ok(fd) => {
                current = fd;
                done = next;
                continue;
            }
            Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        if let Ok(target) = rustix::fs::readlinkat(&current, &name, Vec::new()) {
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(Error::new("mkdir", rel, Errno::LOOP));
            }
            let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
            if target.is_absolute() {
                done = PathBuf::new();
                current = open_in_root(root, &done, directory, Mode::empty())?;
            }
            for part in names_of(&target).into_iter().rev() {
                todo.push_front(part);
            }
            continue;
        }
        match rustix::fs::mkdirat(&current, &name, mode) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::new("mkdir", rel, errno)),
        }
        current = open_beneath(current.as_fd(), Path::new(&name), directory | OFlags::NOFOLLOW, Mode::empty())?;
        done = next;
    }
    Ok(current)
}

fn names_of(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// Opens again, with other flags, what a handle refers to. Needs /proc of this process.
pub fn reopen(fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd> {
    let path = proc_path(fd);
    rustix::fs::openat(CWD, &path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Error::new("open", path, errno))
}

/// The `/proc/self/fd/N` name of a descriptor, for calls that only take a path.
pub fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Where a descriptor points, as the kernel tells it. For messages, never for decisions.
pub fn fd_path(fd: BorrowedFd<'_>) -> Result<PathBuf> {
    let path = proc_path(fd);
    let target = rustix::fs::readlinkat(CWD, &path, Vec::new()).map_err(|errno| Error::new("readlink", path, errno))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// Reads a small regular file inside `root`, following symlinks only inside it; `None` when it is missing or not a regular file.
///
/// An image may put a FIFO, a device or an endless file there: nothing is opened for reading before its type is known, and at most
/// `limit` bytes are taken; a longer file is an error (`EFBIG`).
pub fn read_regular_in_root(root: BorrowedFd<'_>, rel: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
    let handle = match open_in_root(root, rel, OFlags::PATH, Mode::empty()) {
        Ok(handle) => handle,
        Err(error) if matches!(error.io_kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) if error.errno() == Some(Errno::LOOP.raw_os_error()) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stat = rustix::fs::fstat(&handle).map_err(|errno| Error::new("stat", rel, errno))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let file = File::from(reopen(handle.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let mut bytes = Vec::new();
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(ceiling).read_to_end(&mut bytes).map_err(|error| Error::new("read", rel, error))?;
    if bytes.len() > limit {
        return Err(Error::new("read", rel, Errno::FBIG));
    }
    Ok(Some(bytes))
}

/// The absolute path without its leading slashes, for lookups below a root.
pub fn relative(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().position(|byte| *byte != b'/').unwrap_or(bytes.len());
    Path::new(OsStr::from_bytes(&bytes[start..]))
}

#[cfg(test)]
mod tests;
