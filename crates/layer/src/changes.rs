//! What a container changed: its writable layer compared with the layers below, by Docker's rules.
//!
//! A directory is changed when something in it is, or its owner or rights; a file also when its size or modification time differ. What
//! was only copied up and put back as it was is no change.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::tree::{OPAQUE_XATTR, fault, is_whiteout};
use crate::{Error, Result};

/// Deepest nesting: a path longer than 4096 bytes cannot be used by anybody.
const DEPTH_MAX: usize = 2048;

/// What the engine itself puts below a container's root, without its being the container's doing: directories, then files.
const OWN_DIRS: [&str; 6] = ["dev", "dev/pts", "dev/shm", "proc", "sys", "etc"];
const OWN_FILES: [&str; 5] = ["etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv"];

/// How something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is there in both and differs.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path in the container, without a leading slash.
    pub path: Vec<u8>,
    /// How.
    pub kind: ChangeKind,
}

/// Compares the writable layer `upper` with what the layers below show together. Directories come before what is in them, names in order.
///
/// # Errors
/// A directory cannot be read.
pub fn changes(upper: &Path, lower: BorrowedFd<'_>) -> Result<Vec<Change>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = match fs::open(upper, flags, Mode::empty()) {
        Ok(top) => top,
        // It never ran and was never looked into.
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(errno) => return Err(Error::Sys(stead_sys::Error::new("open", upper, errno))),
    };
    let lower = fs::openat(lower, c".", flags, Mode::empty()).map_err(|e| fault("open", b".", e))?;
    let mut found = Vec::new();
    compare(top.as_fd(), Some(lower.as_fd()), &mut Vec::new(), 0, &mut found)?;
    Ok(found)
}

/// One directory of both. `path` is where it is; it comes back as it went.
fn compare(upper: BorrowedFd<'_>, lower: Option<BorrowedFd<'_>>, path: &mut Vec<u8>, depth: usize, found: &mut Vec<Change>) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Error::Limit("directories are nested too deeply"));
    }
    let names = names(upper, path)?;
    for name in &names {
        let length = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        entry(upper, lower, name, path, depth, found)?;
        path.truncate(length);
    }
    if let Some(lower) = lower.filter(|_| is_opaque(upper)) {
        // Its content was thrown away and begun anew: what is not there again is gone.
        for gone in self::names(lower, path)?.into_iter().filter(|name| names.binary_search(name).is_err()) {
            let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
            found.push(Change { path: [path.as_slice(), separator, gone.to_bytes()].concat(), kind: ChangeKind::Deleted });
        }
    }
    Ok(())
}

fn entry(
    upper: BorrowedFd<'_>,
    lower: Option<BorrowedFd<'_>>,
    name: &CStr,
    path: &mut Vec<u8>,
    depth: usize,
    found: &mut Vec<Change>,
) -> Result<()> {
    let Some(new) = stat(upper, name, path)? else { return Ok(()) };
    let old = lower.map(|lower| stat(lower, name, path)).transpose()?.flatten();
    if is_whiteout(&new) {
        if old.is_some() {
            found.push(Change { path: path.clone(), kind: ChangeKind::Deleted });
        }
        return Ok(());
    }
    let kind = match &old {
        None if is_own(path, &new) => None,
        None => Some(ChangeKind::Added),
        Some(old) => differs((upper, &new), (lower, old), name).then_some(ChangeKind::Modified),
    };
    let at = found.len();
    if let Some(kind) = kind {
        found.push(Change { path: path.clone(), kind });
    }
    if FileType::from_raw_mode(new.st_mode) == FileType::Directory {
        let inner = open_dir(upper, name, path)?;
        let below = match (lower, &old) {
            (Some(lower), Some(old)) if FileType::from_raw_mode(old.st_mode) == FileType::Directory => Some(open_dir(lower, name, path)?),
            _ => None,
        };
        compare(inner.as_fd(), below.as_ref().map(AsFd::as_fd), path, depth + 1, found)?;
        if kind.is_none() && found.len() > at {
            found.insert(at, Change { path: path.clone(), kind: ChangeKind::Modified });
        }
    }
    Ok(())
}

fn names(dir: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir).map_err(|e| fault("readdir", path, e))? {
        let entry = entry.map_err(|e| fault("readdir", path, e))?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// `None` for what a running container has removed meanwhile.
fn stat(dir: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<Option<Stat>> {
    match fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => Ok(None),
        Err(errno) => Err(fault("stat", path, errno)),
    }
}

fn open_dir(dir: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(dir, name, flags, Mode::empty()).map_err(|e| fault("open", path, e))
}

fn is_opaque(dir: BorrowedFd<'_>) -> bool {
    let mut value = [0; 1];
    matches!(fs::fgetxattr(dir, OPAQUE_XATTR, &mut value), Ok(1)) && value == *b"y"
}

/// Whether the engine put it there for the kernel's file systems and its own files to be mounted on.
fn is_own(path: &[u8], stat: &Stat) -> bool {
    let named = |list: &[&str]| list.iter().any(|own| own.as_bytes() == path);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => named(&OWN_DIRS),
        FileType::RegularFile => named(&OWN_FILES) && stat.st_size == 0,
        _ => false,
    }
}

/// Inode numbers and change times say nothing: both change when a file is copied up.
fn differs((upper, new): (BorrowedFd<'_>, &Stat), (lower, old): (Option<BorrowedFd<'_>>, &Stat), name: &CStr) -> bool {
    if (new.st_mode, new.st_uid, new.st_gid, new.st_rdev) != (old.st_mode, old.st_uid, old.st_gid, old.st_rdev) {
        return true;
    }
    if FileType::from_raw_mode(new.st_mode) == FileType::Directory {
        return false;
    }
    // Archives may have whole seconds only.
    let whole = new.st_mtime_nsec == 0 || old.st_mtime_nsec == 0;
    new.st_size != old.st_size
        || new.st_mtime != old.st_mtime
        || (!whole && new.st_mtime_nsec != old.st_mtime_nsec)
        || lower.is_some_and(|lower| capability(upper, name) != capability(lower, name))
}

fn capability(dir: BorrowedFd<'_>, name: &CStr) -> Option<Vec<u8>> {
    let path = stead_sys::path::proc_path(dir).join(OsStr::from_bytes(name.to_bytes()));
    let mut value = [0; 64];
    let length = fs::lgetxattr(&path, "security.capability", &mut value).ok()?;
    value.get(..length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Scene(std::path::PathBuf);

    impl Scene {
        fn new(name: &str) -> Self {
            let dir = std::path::PathBuf::from(format!("/var/tmp/stead-changes-{}-{name}", std::process::id()));
            for part in ["upper", "lower"] {
                std::fs::create_dir_all(dir.join(part)).unwrap();
            }
            Self(dir)
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
        }

        fn whiteout(&self, path: &str) {
            fs::mknodat(fs::CWD, self.0.join(path), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        }

        fn seen(&self) -> Vec<String> {
            let lower = std::fs::File::open(self.0.join("lower")).unwrap();
            let letter = |kind| match kind {
                ChangeKind::Modified => 'C',
                ChangeKind::Added => 'A',
                ChangeKind::Deleted => 'D',
            };
            let all = changes(&self.0.join("upper"), lower.as_fd()).unwrap();
            all.iter().map(|c| format!("{} /{}", letter(c.kind), String::from_utf8_lossy(&c.path))).collect()
        }
    }

    impl Drop for Scene {
        #[expect(clippy::disallowed_methods, reason = "a test's own tree")]
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_was_made_changed_and_removed() {
        let s = Scene::new("all");
        s.put("lower/etc/passwd", "root");
        s.put("lower/etc/gone", "x");
        s.put("lower/opt/a/b", "x");
        s.put("lower/opt/a/c", "x");
        s.put("upper/etc/passwd", "root and more");
        s.put("upper/etc/hosts", "");
        s.put("upper/new/file", "x");
        symlink("file", s.0.join("upper/new/link")).unwrap();
        s.whiteout("upper/etc/gone");
        s.whiteout("upper/etc/never");
        s.put("upper/opt/a/d", "x");
        let opaque = std::fs::File::open(s.0.join("upper/opt/a")).unwrap();
        fs::fsetxattr(&opaque, OPAQUE_XATTR, b"y", fs::XattrFlags::empty()).unwrap();
        let want = [
            "C /etc",
            "D /etc/gone",
            "C /etc/passwd",
            "A /new",
            "A /new/file",
            "A /new/link",
            "C /opt",
            "C /opt/a",
            "A /opt/a/d",
            "D /opt/a/b",
            "D /opt/a/c",
        ];
        assert_eq!(s.seen(), want);
    }

    #[test]
    fn what_was_copied_up_and_put_back_is_no_change() {
        let s = Scene::new("same");
        s.put("lower/a/f", "x");
        s.put("upper/a/f", "x");
        let times = std::fs::metadata(s.0.join("lower/a/f")).unwrap().modified().unwrap();
        std::fs::File::options().write(true).open(s.0.join("upper/a/f")).unwrap().set_modified(times).unwrap();
        s.put("upper/etc/resolv.conf", "");
        std::fs::create_dir_all(s.0.join("upper/proc")).unwrap();
        assert_eq!(s.seen(), [""; 0]);
        std::fs::set_permissions(s.0.join("upper/a"), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(s.seen(), ["C /a"]);
    }
}
