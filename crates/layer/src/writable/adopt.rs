//! A writable layer that another engine's overlayfs made: copied aside, durable, then one rename.
//!
//! The layers below are the same, byte for byte, so whiteouts and opaque directories mean the same here. What refers to a lower layer by
//! more than its path (redirects, metadata-only copies) is refused; hints that only make lookups quicker are left out.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use rustix::fs::{FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use stead_base::layout::{Root, RunRoot};
use stead_sys::copy::{self, CopyOptions};
use stead_sys::{Error, Result, durable, tree, xattr};

use super::make;

/// Lies in a directory until the container's record is there.
const MARK: &str = "adopting";
/// What overlayfs and its rootless brother write on an opaque directory.
const OPAQUE: [&CStr; 2] = [c"trusted.overlay.opaque", c"user.overlay.opaque"];
/// Attributes that refer to the lower layer.
const REFERRING: [&CStr; 4] =
    [c"trusted.overlay.redirect", c"trusted.overlay.metacopy", c"user.overlay.redirect", c"user.overlay.metacopy"];

/// Puts a copy of `changes` in place as the writable layer of a container that has no record yet. The caller holds its rootfs.
///
/// # Errors
/// There is a directory of that id already; changes that mean nothing without the other engine; the disk. Nothing is left then.
pub fn adopt(root: &Root, id: &str, changes: BorrowedFd<'_>, copied: &AtomicU64) -> Result<()> {
    make(&root.containers(), 0o700)?;
    make(&root.containers_staging(), 0o700)?;
    let staging = root.containers_staging();
    let dir = open(&staging)?;
    // Of an adoption that was killed.
    tree::remove_tree(&dir, OsStr::new(id))?;
    if is_half_adopted(root, id) {
        super::discard(root, id)?;
    }
    let part = staging.join(id);
    let placed = fill(&part, changes, copied).and_then(|()| durable::rename_noreplace(&part, &root.container(id)));
    placed.inspect_err(|_failure| {
        // Gives the space back; if even that fails, the next attempt begins with it.
        tree::remove_tree(&dir, OsStr::new(id)).ok();
    })
}

/// The container's record is there: its directory is one like every other.
///
/// # Errors
/// The disk's.
pub fn adopted(root: &Root, id: &str) -> Result<()> {
    durable::remove_file(&root.container(id).join(MARK))
}

/// Whether a container's directory belongs to an adoption that did not end.
#[must_use]
pub fn is_half_adopted(root: &Root, id: &str) -> bool {
    root.container(id).join(MARK).symlink_metadata().is_ok()
}

/// Removes what killed adoptions left aside; answers the ids.
///
/// # Errors
/// The disk's.
pub fn clear_staging(root: &Root, run_root: &RunRoot) -> Result<Vec<String>> {
    let staging = root.containers_staging();
    let Ok(dir) = open(&staging) else { return Ok(Vec::new()) };
    let mut removed = Vec::new();
    for entry in tree::entries(&dir).map_err(|e| Error::new("readdir", &staging, e))? {
        let Ok(id) = entry.name.into_string() else { continue };
        // Held by whoever adopts it now.
        if let Some(_held) = super::hold_if_free(run_root, &id)? {
            tree::remove_tree(&dir, OsStr::new(&id))?;
            removed.push(id);
        }
    }
    Ok(removed)
}

fn fill(part: &Path, changes: BorrowedFd<'_>, copied: &AtomicU64) -> Result<()> {
    let opaque = look(changes)?;
    durable::make_dir(part, 0o710)?;
    let upper = part.join("upper");
    durable::make_dir(&upper, 0o755)?;
    durable::make_dir(&part.join("work"), 0o700)?;
    let target = open(&upper)?;
    xattr::clear_default_acl(&target, &upper)?;
    copy::copy_tree_watched(changes, target.as_fd(), &CopyOptions { threads: 0, durable: false }, copied)?;
    for rel in opaque {
        let dir = tree::open_below(target.as_fd(), &rel).map_err(|e| Error::new("open", &rel, e))?;
        rustix::fs::fsetxattr(&dir, OPAQUE[0], b"y", XattrFlags::empty()).map_err(|e| Error::new("setxattr", &rel, e))?;
    }
    durable::write_new(&part.join(MARK), b"", 0o600)?;
    durable::sync_fs(&target, &upper)
}

/// The opaque directories, and a refusal of what cannot be carried over.
fn look(changes: BorrowedFd<'_>) -> Result<Vec<PathBuf>> {
    let mut opaque = Vec::new();
    tree::walk(changes, &mut |visit| {
        let kind = FileType::from_raw_mode(visit.stat.st_mode);
        if kind != FileType::Directory && kind != FileType::RegularFile {
            return Ok(());
        }
        // A file of another engine that is being written may vanish at any time.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(visit.dir, visit.name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(Error::new("open", visit.path, e)),
        };
        // Asking for nothing answers the length; a value that is there but cannot be read counts as there.
        let has = |name: &&CStr| !matches!(rustix::fs::fgetxattr(&fd, *name, &mut [0_u8; 0]), Err(Errno::NODATA | Errno::NOTSUP));
        if REFERRING.iter().any(has) {
            return Err(Error::new("adopt", visit.path, Errno::NOTSUP));
        }
        if kind == FileType::Directory && OPAQUE.iter().any(has) {
            opaque.push(visit.path.to_path_buf());
        }
        Ok(())
    })?;
    Ok(opaque)
}

fn open(path: &Path) -> Result<rustix::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| Error::new("open", path, e))
}
