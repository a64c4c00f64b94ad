//! Giving a tree to a user: by descriptor, never through a symbolic link, never across a mount.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::{Error, Result, tree};

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Who owns what a handle leads to.
///
/// # Errors
/// As `fstat`.
pub fn of(handle: impl AsFd, subject: &Path) -> Result<Owner> {
    let stat = fs::fstat(handle).map_err(|e| Error::new("stat", subject, e))?;
    Ok(Owner { uid: stat.st_uid, gid: stat.st_gid })
}

/// Gives what a handle leads to, and everything below it, to `owner`. What has that owner already is not touched, so that the second
/// time costs a look only. Symbolic links are given, not what they lead to. The kernel takes set-uid and set-gid bits of files away as it
/// gives them: a program that was root's must not become another's.
/// How many changed hands.
///
/// # Errors
/// The first entry that cannot be given. Those before it stay given: the same call again goes on.
pub fn give(handle: BorrowedFd<'_>, owner: Owner, subject: &Path) -> Result<u64> {
    let mut given = 0;
    let stat = fs::fstat(handle).map_err(|e| Error::new("stat", subject, e))?;
    if fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::openat(handle, ".", flags, Mode::empty()).map_err(|e| Error::new("open", subject, e))?;
        tree::walk(&root, &mut |visit| {
            if (visit.stat.st_uid, visit.stat.st_gid) == (owner.uid, owner.gid) {
                return Ok(());
            }
            let Some(entry) = hold(visit, subject)? else { return Ok(()) };
            given += 1;
            chown(entry.as_fd(), owner).map_err(|e| Error::new("chown", subject.join(visit.path), e))
        })?;
    }
    // Last: whoever sees the root given sees all of it given.
    if (stat.st_uid, stat.st_gid) != (owner.uid, owner.gid) {
        given += 1;
        chown(handle, owner).map_err(|e| Error::new("chown", subject, e))?;
    }
    Ok(given)
}

fn chown(handle: BorrowedFd<'_>, owner: Owner) -> rustix::io::Result<()> {
    fs::chownat(handle, c"", Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)), AtFlags::EMPTY_PATH)
}

/// A handle of what a walk showed: of a link itself, and of nothing that is mounted there. None where it is gone by now or a mount point.
///
/// # Errors
/// Any other refusal.
pub(crate) fn hold(visit: &tree::Visit<'_>, subject: &Path) -> Result<Option<OwnedFd>> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = Path::new(std::ffi::OsStr::from_bytes(visit.name.to_bytes()));
    match crate::path::open_beneath_same_mount(visit.dir, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(handle) => Ok(Some(handle)),
        Err(error) if error.errno().is_some_and(|e| [Errno::NOENT, Errno::XDEV].iter().any(|x| x.raw_os_error() == e)) => Ok(None),
        Err(error) => Err(Error::new("open", subject.join(visit.path), error.source)),
    }
}

/// Gives the root of a detached mount to somebody; none leaves the one it has.
///
/// # Errors
/// As `openat` and `fchown`.
pub fn give_root(mount: impl AsFd, uid: Option<u32>, gid: Option<u32>, subject: &Path) -> Result<()> {
    let root = open_root(mount, subject)?;
    fs::fchown(&root, uid.map(Uid::from_raw), gid.map(Gid::from_raw)).map_err(|e| Error::new("chown", subject, e))
}

/// Opens the root directory of a mount, or a directory that is held by handle, for reading.
///
/// # Errors
/// As `openat`.
pub fn open_root(mount: impl AsFd, subject: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(mount, ".", flags, Mode::empty()).map_err(|e| Error::new("open", subject, e))
}

/// Whether a handle is one of `places`, or, where `below`, lies below one. Decided by what they are, not by how they are called, and by
/// climbing from the handle: no path is looked up but those of `places`.
///
/// # Errors
/// A directory above cannot be opened.
pub fn is_at(handle: BorrowedFd<'_>, places: &[&Path], below: bool, subject: &Path) -> Result<bool> {
    let identity = |fd: BorrowedFd<'_>| fs::fstat(fd).map(|s| (s.st_dev, s.st_ino)).map_err(|e| Error::new("stat", subject, e));
    let wanted: Vec<(u64, u64)> = places.iter().filter_map(|place| fs::stat(*place).ok()).map(|s| (s.st_dev, s.st_ino)).collect();
    let mut seen = identity(handle)?;
    if wanted.contains(&seen) {
        return Ok(true);
    }
    if !below {
        return Ok(false);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = match fs::openat(handle, "..", flags, Mode::empty()) {
        Ok(parent) => parent,
        // A file: what holds it is found by the name the kernel tells.
        Err(Errno::NOTDIR) => {
            let path = crate::path::fd_path(handle)?;
            let parent = path.parent().unwrap_or(Path::new("/"));
            fs::open(parent, flags, Mode::empty()).map_err(|e| Error::new("open", parent, e))?
        }
        Err(e) => return Err(Error::new("open", subject, e)),
    };
    loop {
        let here = identity(at.as_fd())?;
        if wanted.contains(&here) {
            return Ok(true);
        }
        if here == seen {
            return Ok(false);
        }
        seen = here;
        at = fs::openat(&at, "..", flags, Mode::empty()).map_err(|e| Error::new("open", subject, e))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::handle;
    use crate::testdir::TestDir;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn a_tree_is_given_and_what_links_lead_to_is_not() {
        let dir = TestDir::new();
        let outside = TestDir::new();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        let program = dir.path().join("d/program");
        std::fs::File::create(&program).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).unwrap();
        let secret = outside.path().join("secret");
        std::fs::File::create(&secret).unwrap();
        symlink(&secret, dir.path().join("d/link")).unwrap();
        symlink(outside.path(), dir.path().join("dirlink")).unwrap();
        let owner = Owner { uid: 999, gid: 998 };
        let root = handle(dir.path()).unwrap();
        assert_eq!(give(root.as_fd(), owner, dir.path()).unwrap(), 5);
        for path in ["", "d", "d/program", "d/link", "dirlink"] {
            let meta = std::fs::symlink_metadata(dir.path().join(path)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (999, 998), "{path}");
        }
        assert_eq!(std::fs::metadata(&program).unwrap().mode() & 0o7777, 0o755, "set-uid must go");
        for path in [&secret, outside.path()] {
            assert_eq!(std::fs::metadata(path).unwrap().uid(), 0, "{path:?}");
        }
        assert_eq!(give(root.as_fd(), owner, dir.path()).unwrap(), 0, "the second time nothing is left to do");
    }

    #[test]
    fn places_are_known_by_what_they_are() {
        let dir = TestDir::new();
        symlink("/etc", dir.path().join("alias")).unwrap();
        let at = |path: &Path, places: &[&Path], below| is_at(handle(path).unwrap().as_fd(), places, below, path).unwrap();
        let etc = [Path::new("/etc")];
        assert!(at(&dir.path().join("alias"), &etc, false));
        assert!(at(Path::new("/etc/passwd"), &etc, true));
        assert!(!at(Path::new("/etc/passwd"), &etc, false));
        assert!(!at(dir.path(), &etc, true));
        assert!(at(dir.path(), &[Path::new("/")], true));
    }
}
