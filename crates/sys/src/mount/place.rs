//! Finding the place for a mount inside a root file system, and making it where it is missing.
//!
//! The walk holds every directory it passes open and reads symlinks itself, so that a container that renames or replaces
//! something meanwhile can only change where inside the root the walk ends, never lead it out.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use super::handle_in_root;
use crate::{Error, Result};

/// What is made where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A directory, 0755.
    Directory,
    /// An empty file, 0755 as other runtimes make it.
    File,
}

/// The kernel's own limit of symlinks in one lookup.
const SYMLINKS_MAX: u32 = 40;

/// Opens `path` as a process whose root is `root` would see it, making what is missing; a symlink that points to nothing is
/// followed, and what it points to is made.
///
/// # Errors
/// As the system calls; `ELOOP` after [`SYMLINKS_MAX`] symlinks, `ENOTDIR` where a file is in the way.
pub fn place_in_root(root: impl AsFd, path: &Path, wanted: Wanted) -> Result<OwnedFd> {
    match handle_in_root(&root, path) {
        Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => {}
        found => return found,
    }
    Walk::new(root.as_fd(), path)?.run(wanted).map_err(|e| Error::new("create mount point", path, e))
}

struct Walk<'r> {
    root: BorrowedFd<'r>,
    /// The directories from the root down to here.
    held: Vec<OwnedFd>,
    left: VecDeque<OsString>,
    symlinks: u32,
}

impl<'r> Walk<'r> {
    fn new(root: BorrowedFd<'r>, path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Error::new("create mount point", path, Errno::INVAL));
        }
        Ok(Self { root, held: Vec::new(), left: parts(path), symlinks: 0 })
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.held.last().map_or(self.root, AsFd::as_fd)
    }

    fn run(mut self, wanted: Wanted) -> std::result::Result<OwnedFd, Errno> {
        while let Some(name) = self.left.pop_front() {
            if name == ".." {
                // The parent that was passed, not the one that is there now.
                self.held.pop();
                continue;
            }
            let next = self.step(&name, wanted)?;
            match FileType::from_raw_mode(fstat(&next)?.st_mode) {
                FileType::Symlink => self.follow(&next)?,
                FileType::Directory => self.held.push(next),
                _ if self.left.is_empty() => return Ok(next),
                _ => return Err(Errno::NOTDIR),
            }
        }
        match self.held.pop() {
            Some(last) => Ok(last),
            None => openat(self.root, ".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()),
        }
    }

    /// Opens one component, after making it if it is missing. Somebody else may make it meanwhile: that is as good.
    fn step(&self, name: &OsString, wanted: Wanted) -> std::result::Result<OwnedFd, Errno> {
        let here = self.here();
        let open = || openat(here, name.as_os_str(), OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        match open() {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let mode = Mode::from_raw_mode(0o755);
        let made = if self.left.is_empty() && wanted == Wanted::File {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(here, name.as_os_str(), flags, mode).map(drop)
        } else {
            mkdirat(here, name.as_os_str(), mode)
        };
        match made {
            Ok(()) | Err(Errno::EXIST) => open(),
            Err(e) => Err(e),
        }
    }

    fn follow(&mut self, link: &OwnedFd) -> std::result::Result<(), Errno> {
        self.symlinks += 1;
        if self.symlinks > SYMLINKS_MAX {
            return Err(Errno::LOOP);
        }
        let target = PathBuf::from(OsString::from_vec(readlinkat(link, "", Vec::new())?.into_bytes()));
        if target.is_absolute() {
            self.held.clear();
        }
        let mut parts = parts(&target);
        parts.append(&mut self.left);
        self.left = parts;
        Ok(())
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}
