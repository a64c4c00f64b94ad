//! Mounts by file descriptor: detached trees, their attributes, new file systems, and the one call that attaches.
//!
//! Nothing here takes a path that a container could have changed: sources and targets are descriptors, and a path is only ever
//! resolved once, beneath or inside a directory that is held open. Needs Linux 5.12 (`mount_setattr`).

use std::io::Read as _;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_fd,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use crate::{Error, Result};

/// Whether the mounts below come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The top mount only.
    Top,
    /// The whole tree.
    Tree,
}

/// How mount events travel, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// No events.
    Private,
    /// Both ways.
    Shared,
    /// Towards the copy only.
    Slave,
}

/// Attributes to change in one step. [`Flags`] are the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Flags to set.
    pub set: Flags,
    /// Flags to clear.
    pub clear: Flags,
    /// Propagation, unchanged if none.
    pub peers: Option<Peers>,
}

impl Default for Change {
    fn default() -> Self {
        Self { set: Flags::empty(), clear: Flags::empty(), peers: None }
    }
}

/// The kernel's per-mount flags.
pub type Flags = MountAttrFlags;

/// A parameter of a new file system.
#[derive(Debug, Clone, Copy)]
pub enum Param<'a> {
    /// A word alone.
    Flag(&'a str),
    /// `key=value`; the kernel takes at most 255 bytes.
    Text(&'a str, &'a str),
    /// A key whose value is an open directory.
    Dir(&'a str, BorrowedFd<'a>),
}

/// Opens a host path as a handle without reading it. Symlinks are followed: this is a path the caller's user named.
///
/// # Errors
/// As `open`.
pub fn handle(path: &Path) -> Result<OwnedFd> {
    open(path, OFlags::PATH | OFlags::CLOEXEC)
}

/// Opens a directory of the engine as a handle; a symlink in its place is refused.
///
/// # Errors
/// As `open`.
pub fn dir_handle(path: &Path) -> Result<OwnedFd> {
    open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW)
}

fn open(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::new("open", path, e))
}

/// How often a lookup is tried again when a concurrent rename made the kernel give up.
const LOOKUP_TRIES: u32 = 128;

/// Opens a path beneath a directory as a handle. Symlinks are followed as long as they stay beneath; one that leaves gives `EXDEV`.
///
/// # Errors
/// As `openat2`; `EXDEV` for an escape.
pub fn handle_beneath(dir: impl AsFd, path: &Path) -> Result<OwnedFd> {
    lookup(dir.as_fd(), path, OFlags::PATH, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
}

/// Opens a path as a process whose root is `root` would see it, as a handle.
///
/// # Errors
/// As `openat2`.
pub fn handle_in_root(root: impl AsFd, path: &Path) -> Result<OwnedFd> {
    lookup(root.as_fd(), path, OFlags::PATH, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

fn lookup(dir: BorrowedFd<'_>, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd> {
    for _ in 0..LOOKUP_TRIES {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other.map_err(|e| Error::new("openat2", path, e)),
        }
    }
    Err(Error::new("openat2", path, Errno::AGAIN))
}

/// A detached copy of the mount tree at a handle: the handle's file or directory becomes its root.
///
/// # Errors
/// As `open_tree`; `EINVAL` where the handle is on a detached mount itself and the kernel is older than 6.15.
pub fn clone_tree(handle: impl AsFd, depth: Depth, subject: &Path) -> Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if depth == Depth::Tree {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(handle, "", flags).map_err(|e| Error::new("open_tree", subject, e))
}

/// The kernel's `struct mount_attr`.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes the attributes of a mount, or of a whole tree at once: either all of it changes or nothing.
///
/// # Errors
/// As `mount_setattr`; `ENOSYS` before Linux 5.12.
pub fn set_attr(mount: impl AsFd, depth: Depth, change: Change, subject: &Path) -> Result<()> {
    let mut clear = change.clear;
    // The three access-time ways are one field, which must be cleared to be set.
    if change.set.intersects(Flags::MOUNT_ATTR_NOATIME | Flags::MOUNT_ATTR_STRICTATIME) {
        clear |= Flags::MOUNT_ATTR__ATIME;
    }
    let attr = MountAttr {
        attr_set: u64::from(change.set.bits()),
        attr_clr: u64::from(clear.bits()),
        propagation: match change.peers {
            None => 0,
            Some(Peers::Private) => libc::MS_PRIVATE,
            Some(Peers::Shared) => libc::MS_SHARED,
            Some(Peers::Slave) => libc::MS_SLAVE,
        },
        userns_fd: 0,
    };
    if attr.attr_set == 0 && attr.attr_clr == 0 && attr.propagation == 0 {
        return Ok(());
    }
    set_attributes(mount.as_fd(), depth, &attr, subject)
}

/// Lets a detached mount or tree show owners through a user namespace, for [`crate::idmap::set`].
pub(crate) fn set_user_namespace(mount: BorrowedFd<'_>, depth: Depth, namespace: u32, subject: &Path) -> Result<()> {
    let attr = MountAttr { attr_set: libc::MOUNT_ATTR_IDMAP, userns_fd: u64::from(namespace), ..MountAttr::default() };
    set_attributes(mount, depth, &attr, subject)
}

#[expect(unsafe_code, reason = "rustix has no mount_setattr")]
fn set_attributes(mount: BorrowedFd<'_>, depth: Depth, attr: &MountAttr, subject: &Path) -> Result<()> {
    let mut flags = libc::AT_EMPTY_PATH;
    if depth == Depth::Tree {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the descriptor is borrowed for the call, the path is a NUL-terminated constant, and `attr` is a live,
    // fully initialised struct whose size is passed with it; the kernel only reads it.
    let answer = unsafe {
        libc::syscall(libc::SYS_mount_setattr, mount.as_raw_fd(), c"".as_ptr(), flags, std::ptr::from_ref(attr), size_of::<MountAttr>())
    };
    if answer == 0 { Ok(()) } else { Err(Error::last("mount_setattr", subject)) }
}

/// Attaches a detached mount on top of the file or directory behind `target`. Both are descriptors: nothing is looked up again.
///
/// # Errors
/// As `move_mount`; `ENOTDIR` where one is a directory and the other is not.
pub fn attach(mount: impl AsFd, target: impl AsFd, subject: &Path) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount.as_fd(), "", target.as_fd(), "", flags).map_err(|e| Error::new("move_mount", subject, e))
}

/// Makes a file system and a detached mount of it. What the kernel says about a bad parameter is part of the error.
///
/// # Errors
/// As `fsopen`, `fsconfig` and `fsmount`.
pub fn new_filesystem(fstype: &str, params: &[Param<'_>], flags: Flags) -> Result<OwnedFd> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|e| Error::new("fsopen", fstype, e))?;
    let fail = |op, e: Errno| Error::new(op, explain(fstype, &context), e);
    for param in params {
        match *param {
            Param::Flag(key) => fsconfig_set_flag(&context, key),
            Param::Text(key, value) => fsconfig_set_string(&context, key, value),
            Param::Dir(key, dir) => fsconfig_set_fd(&context, key, dir),
        }
        .map_err(|e| fail("fsconfig", e))?;
    }
    fsconfig_create(&context).map_err(|e| fail("fsconfig", e))?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags).map_err(|e| fail("fsmount", e))
}

/// The type of a file system, with what the kernel logged about the attempt.
fn explain(fstype: &str, context: &OwnedFd) -> String {
    let Ok(copy) = context.try_clone() else { return fstype.to_owned() };
    let mut log = std::fs::File::from(copy);
    let mut words = Vec::new();
    let mut line = [0u8; 512];
    while let Ok(count @ 1..) = log.read(&mut line) {
        let text = String::from_utf8_lossy(&line[..count]);
        // Each message begins with its severity, e.g. `e tmpfs: Bad value for 'size'`.
        words.push(text.trim().get(2..).unwrap_or_default().to_owned());
    }
    if words.is_empty() { fstype.to_owned() } else { format!("{fstype} ({})", words.join("; ")) }
}

/// Undoes the topmost mount at an open handle of a mount's root, by way of `/proc/self/fd`: the handle, not a path, says which.
/// The mount leaves the tree at once and ends when its last user closes it.
///
/// # Errors
/// As `umount2`; `EINVAL` where the handle is not the root of an attached mount.
pub fn detach(mount: impl AsFd, subject: &Path) -> Result<()> {
    let link = format!("/proc/self/fd/{}", mount.as_fd().as_raw_fd());
    unmount(link.as_str(), UnmountFlags::DETACH).map_err(|e| Error::new("umount2", subject, e))
}

/// Undoes the mount `id` at `path`, or says `EBUSY` while somebody uses it. Whatever else is mounted there is left alone:
/// that gives `ESTALE`. The directory of `path` must be the engine's own.
///
/// # Errors
/// As `statx` and `umount2`.
pub fn unmount_at(path: &Path, id: u64) -> Result<()> {
    if mount_id_at(path)? != id {
        return Err(Error::new("umount2", path, Errno::STALE));
    }
    unmount(path, UnmountFlags::NOFOLLOW).map_err(|e| Error::new("umount2", path, e))
}

/// The id of the mount that is seen at `path`, whose last component is not followed.
///
/// # Errors
/// As `statx`.
pub fn mount_id_at(path: &Path) -> Result<u64> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let seen = rustix::fs::statx(CWD, path, flags, StatxFlags::MNT_ID).map_err(|e| Error::new("statx", path, e))?;
    Ok(seen.stx_mnt_id)
}

/// The id of the mount a handle is on, as in `/proc/self/mountinfo`.
///
/// # Errors
/// As `statx`.
pub fn mount_id(handle: impl AsFd, subject: &Path) -> Result<u64> {
    let seen = rustix::fs::statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).map_err(|e| Error::new("statx", subject, e))?;
    Ok(seen.stx_mnt_id)
}

/// What a handle is, as far as mounting cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Whether it is a directory; a mount and its target must agree.
    pub is_dir: bool,
    /// Permission bits.
    pub mode: u32,
    /// Device and inode, which name the file while the machine runs.
    pub identity: (u64, u64),
}

/// Looks at a handle.
///
/// # Errors
/// As `fstat`.
pub fn shape(handle: impl AsFd, subject: &Path) -> Result<Shape> {
    let stat = rustix::fs::fstat(handle).map_err(|e| Error::new("fstat", subject, e))?;
    Ok(Shape {
        is_dir: rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir(),
        mode: stat.st_mode & 0o7777,
        identity: (stat.st_dev, stat.st_ino),
    })
}

/// Sets the permission bits of the root of a detached mount.
///
/// # Errors
/// As `openat` and `fchmod`.
pub fn set_root_mode(mount: impl AsFd, mode: u32, subject: &Path) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(mount, ".", flags, Mode::empty()).map_err(|e| Error::new("open", subject, e))?;
    rustix::fs::fchmod(&root, Mode::from_raw_mode(mode)).map_err(|e| Error::new("fchmod", subject, e))
}

/// Gives the calling thread a mount table of its own, from which nothing reaches the host's and which ends with its last user.
/// Other threads of the process keep theirs.
///
/// # Errors
/// As `unshare` and `mount`.
#[expect(unsafe_code, reason = "rustix marks unshare as unsafe because of flags that are not used here")]
pub fn unshare_mounts() -> Result<()> {
    // SAFETY: a new mount namespace (and with it the thread's own root and working directory) invalidates no descriptor and no memory.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.map_err(|e| Error::new("unshare", "mnt", e))?;
    let flags = rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC;
    rustix::mount::mount_change("/", flags).map_err(|e| Error::new("mount", "/", e))
}

/// A detached copy of the mount at `path` of another mount table, without what is mounted below it. Symlinks on the way are refused:
/// the table may be a container's, who could put one there.
///
/// # Errors
/// As `setns` and `open_tree`; `ESRCH` or `ENOENT` when the table's process is gone.
pub fn clone_from(table: &Path, path: &Path) -> Result<OwnedFd> {
    let table = open(table, OFlags::RDONLY | OFlags::CLOEXEC)?;
    // A thread of its own: only its view changes, and it ends with it.
    let visit = || {
        enter_table(table.as_fd())?;
        let root = open(Path::new("/"), OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY)?;
        let rel = path.strip_prefix("/").unwrap_or(path);
        let rel = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
        let place = lookup(root.as_fd(), rel, OFlags::PATH, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?;
        clone_tree(place, Depth::Top, path)
    };
    let joined =
        std::thread::scope(|scope| std::thread::Builder::new().spawn_scoped(scope, visit).map(std::thread::ScopedJoinHandle::join));
    match joined {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Err(Error::new("open_tree", path, Errno::INTR)),
        Err(error) => Err(Error::new("spawn", path, error)),
    }
}

#[expect(unsafe_code, reason = "rustix marks unshare as unsafe because of flags that are not used here")]
fn enter_table(table: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: a root and a working directory of the thread's own invalidate no descriptor and no memory.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }.map_err(|e| Error::new("unshare", "fs", e))?;
    rustix::thread::move_into_link_name_space(table, Some(rustix::thread::LinkNameSpaceType::Mount))
        .map_err(|e| Error::new("setns", "mnt", e))
}

mod place;
pub use place::{Wanted, place_in_root};

#[cfg(test)]
mod tests;
