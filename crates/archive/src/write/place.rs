//! Where a member goes: its name cut into a directory and an entry, and the directory found or made without leaving the root.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Rebase, Unpacker, read_only};
use crate::{Error, Result, scope};

/// Rights of a directory that the archive uses but does not hold; Docker's.
const IMPLIED_MODE: u32 = 0o755;

/// How often making a directory is tried again while somebody else removes or replaces it.
const MAKE_TRIES_MAX: u32 = 64;

/// The components of a member's name: no empty ones and no `.`; `..` is undone lexically, as Docker does.
/// `None` when it climbs out.
pub(super) fn components(name: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts)
}

/// Gives the top of an archive its new name. An old name of `.` or `/` puts the new one in front of everything.
pub(super) fn renamed(name: Vec<u8>, rebase: &Rebase) -> Vec<u8> {
    let new = rebase.new.as_bytes();
    let mut rest = name.as_slice();
    while let Some(shorter) = rest.strip_prefix(b"./").or_else(|| rest.strip_prefix(b"/")) {
        rest = shorter;
    }
    if matches!(rebase.old.as_str(), "." | "/" | "") {
        let rest = if rest == b"." { b"".as_slice() } else { rest };
        return [new, b"/", rest].concat();
    }
    match rest.strip_prefix(rebase.old.as_bytes()) {
        Some(below) if below.is_empty() || below.starts_with(b"/") => [new, below].concat(),
        _ => name,
    }
}

impl Unpacker<'_> {
    /// The directory a member goes into, as a path from the extraction point, and the member's own name there; none for the extraction point.
    pub(super) fn split(&self, name: &[u8]) -> Result<Option<(PathBuf, OsString)>> {
        if name.contains(&0) {
            return Err(Error::malformed("a name with a NUL"));
        }
        let outside = || Error::Outside { name: String::from_utf8_lossy(name).into_owned(), into: self.dest.display().to_string() };
        let mut parts = components(name).ok_or_else(outside)?;
        let Some(last) = parts.pop() else { return Ok(None) };
        let parent: PathBuf = parts.iter().map(|part| OsStr::from_bytes(part)).collect();
        Ok(Some((parent, OsStr::from_bytes(last).to_owned())))
    }

    /// A handle to the directory `rel` below the extraction point, which is made when it is missing.
    pub(super) fn enter(&mut self, rel: &Path) -> Result<Rc<OwnedFd>> {
        if let Some((path, fd)) = &self.parent
            && path == rel
        {
            return Ok(Rc::clone(fd));
        }
        let full = self.dest.join(rel);
        let fd = match self.lookup(&full) {
            Ok(fd) => fd,
            Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => self.make_directories(rel)?,
            Err(error) => return Err(error.into()),
        };
        self.check_writable(fd.as_fd(), &full)?;
        let noted = self.settle.will_change(fd.as_fd());
        self.sys("open", &full, noted)?;
        let fd = Rc::new(fd);
        self.parent = Some((rel.to_owned(), Rc::clone(&fd)));
        Ok(fd)
    }

    fn lookup(&self, full: &Path) -> std::result::Result<OwnedFd, stead_sys::Error> {
        scope::open(self.root, full, OFlags::PATH | OFlags::DIRECTORY, self.options.follow)
    }

    /// Nothing is ever stored on a kernel file system, and a read-only mount answers in Docker's words.
    pub(super) fn check_writable(&self, dir: BorrowedFd<'_>, full: &Path) -> Result<()> {
        if self.sys("statfs", full, scope::is_kernel_fs(dir))? {
            return Err(Error::KernelFileSystem { path: full.display().to_string() });
        }
        if self.sys("statfs", full, scope::is_read_only(dir))? {
            return Err(read_only(self.sys("statx", full, scope::mount_id(dir))? == self.root_mount));
        }
        Ok(())
    }

    /// Makes the missing directories of `rel`, one lookup from the root for each.
    fn make_directories(&mut self, rel: &Path) -> Result<OwnedFd> {
        let mut done = self.dest.clone();
        let mut current = self.lookup(&done)?;
        for part in rel.components() {
            let next = done.join(part);
            current = self.make_one(&current, part.as_os_str(), &next)?;
            done = next;
        }
        Ok(current)
    }

    fn make_one(&mut self, parent: &OwnedFd, name: &OsStr, full: &Path) -> Result<OwnedFd> {
        for _ in 0..MAKE_TRIES_MAX {
            match self.lookup(full) {
                Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {}
                other => return Ok(other?),
            }
            self.check_writable(parent.as_fd(), full)?;
            let noted = self.settle.will_change(parent.as_fd());
            self.sys("open", full, noted)?;
            match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(IMPLIED_MODE)) {
                Ok(()) => {}
                // A symlink that leads nowhere, or somebody was faster: the lookup decides.
                Err(Errno::EXIST) => match self.lookup(full) {
                    Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {
                        return self.sys("mkdir", full, Err(Errno::EXIST));
                    }
                    other => return Ok(other?),
                },
                Err(errno) => return self.sys("mkdir", full, Err(errno)),
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(parent, name, flags, Mode::empty()) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Ok(fd) => {
                    if let Some((uid, gid)) = self.options.owner.fixed() {
                        let path = scope::proc_path(fd.as_fd());
                        let owned = rustix::fs::chown(&path, Some(rustix::fs::Uid::from_raw(uid)), Some(rustix::fs::Gid::from_raw(gid)));
                        self.sys("chown", full, owned)?;
                    }
                    return Ok(fd);
                }
                Err(errno) => return self.sys("open", full, Err(errno)),
            }
        }
        self.sys("mkdir", full, Err(Errno::AGAIN))
    }

    /// Puts a path to an error number; a read-only file system gets Docker's words.
    pub(super) fn sys<T>(&self, call: &'static str, path: &Path, result: rustix::io::Result<T>) -> Result<T> {
        result.map_err(|errno| stead_sys::Error::new(call, path, errno).into())
    }
}

impl super::Owner {
    fn fixed(self) -> Option<(u32, u32)> {
        match self {
            Self::Fixed(uid, gid) => Some((uid, gid)),
            Self::Archive | Self::Caller => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{components, renamed};
    use crate::Rebase;

    #[test]
    fn names_are_cut_lexically() {
        let cut = |name: &str| {
            components(name.as_bytes())
                .map(|parts| parts.iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect::<Vec<_>>().join("|"))
        };
        assert_eq!(cut("/a//b/./c/").as_deref(), Some("a|b|c"));
        assert_eq!(cut("a/../b").as_deref(), Some("b"));
        assert_eq!(cut("").as_deref(), Some(""));
        assert_eq!(cut("a/../../b"), None);
        assert_eq!(cut("/.."), None);
    }

    #[test]
    fn tops_are_renamed() {
        let new = |name: &str, old: &str| {
            let rebase = Rebase { old: old.into(), new: "new".into() };
            String::from_utf8(renamed(name.as_bytes().to_vec(), &rebase)).unwrap()
        };
        assert_eq!(new("old/x", "old"), "new/x");
        assert_eq!(new("old", "old"), "new");
        assert_eq!(new("older/x", "old"), "older/x");
        assert_eq!(new("./x/y", "."), "new/x/y");
        assert_eq!(new("./", "."), "new/");
        assert_eq!(new("/etc/x", "/"), "new/etc/x");
    }
}
