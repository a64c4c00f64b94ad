//! Mounts by file descriptor: open_tree, mount_setattr, move_mount, fsopen.
//!
//! A mount is made detached, gets its attributes while nobody can see it, and is attached to an opened directory. No path is looked up
//! twice, so nothing can be swapped between two steps.

#![expect(unsafe_code, reason = "mount_setattr is not wrapped by rustix")]

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};

use crate::{Error, Result};

/// Read-only.
pub const ATTR_RDONLY: u64 = 0x1;
/// Set-uid bits have no effect.
pub const ATTR_NOSUID: u64 = 0x2;
/// Device files cannot be opened.
pub const ATTR_NODEV: u64 = 0x4;
/// Nothing can be executed.
pub const ATTR_NOEXEC: u64 = 0x8;
/// The bits that choose when access times are written: cleared means relatime.
pub const ATTR_ATIME: u64 = 0x70;
/// Access times are never written.
pub const ATTR_NOATIME: u64 = 0x10;
/// Access times are always written.
pub const ATTR_STRICTATIME: u64 = 0x20;
/// Access times of directories are never written.
pub const ATTR_NODIRATIME: u64 = 0x80;

/// Propagation: no events either way.
pub const MS_PRIVATE: u64 = 1 << 18;
/// Propagation: events arrive, none leave.
pub const MS_SLAVE: u64 = 1 << 19;
/// Propagation: events both ways.
pub const MS_SHARED: u64 = 1 << 20;

/// A change of a mount's attributes: the kernel's `struct mount_attr`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// `ATTR_*` to set.
    pub set: u64,
    /// `ATTR_*` to clear, before setting. To change access times, clear [`ATTR_ATIME`].
    pub clear: u64,
    /// One of `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, or 0 for no change.
    pub propagation: u64,
    /// A user namespace for idmapped mounts; only with `ATTR_IDMAP`.
    pub userns_fd: u64,
}

/// Copies the mount that holds `path` (below `dir`; empty means `dir` itself) as a detached one whose root is `path`.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &Path, recursive: bool) -> Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_NO_AUTOMOUNT;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    if path.as_os_str().is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    rustix::mount::open_tree(dir, path, flags).map_err(|errno| Error::new("open_tree", path, errno))
}

/// A detached, read-only copy of the mount at a path of the host, showing only that path.
pub fn detached_read_only(path: &Path) -> Result<OwnedFd> {
    let tree = clone_tree(CWD, path, false)?;
    set_attributes(tree.as_fd(), false, &Attributes { set: ATTR_RDONLY, ..Attributes::default() })?;
    Ok(tree)
}

/// Changes attributes of a mount by descriptor, with everything below it when `recursive`.
pub fn set_attributes(mount: BorrowedFd<'_>, recursive: bool, attributes: &Attributes) -> Result<()> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let pointer = std::ptr::from_ref(attributes);
    // SAFETY: an empty path with AT_EMPTY_PATH names the descriptor itself; the structure has the size told.
    let done =
        unsafe { libc::syscall(libc::SYS_mount_setattr, mount.as_raw_fd(), c"".as_ptr(), flags, pointer, size_of::<Attributes>()) };
    if done < 0 { Err(Error::last("mount_setattr", "mount")) } else { Ok(()) }
}

/// Attaches a detached mount onto what `target` refers to (a directory, or a file for a mount whose root is a file).
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, c"", target, c"", flags).map_err(|errno| Error::new("move_mount", "mount", errno))
}

/// Attaches a detached mount onto `name` below an opened directory the caller trusts; a symlink as last component is not followed.
pub fn attach_at(mount: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &Path) -> Result<()> {
    rustix::mount::move_mount(mount, c"", dir, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|errno| Error::new("move_mount", name, errno))
}

/// Takes the topmost mount off a path; `detach` takes it out of sight now and lets users of it finish.
pub fn unmount(path: &Path, detach: bool) -> Result<()> {
    let flags = UnmountFlags::NOFOLLOW | if detach { UnmountFlags::DETACH } else { UnmountFlags::empty() };
    rustix::mount::unmount(path, flags).map_err(|errno| Error::new("umount", path, errno))
}

/// A file system being configured (fsopen).
#[derive(Debug)]
pub struct Filesystem {
    context: OwnedFd,
    kind: String,
}

impl Filesystem {
    /// Begins a new instance of a kernel file system.
    pub fn open(kind: &str) -> Result<Self> {
        let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| Error::new("fsopen", kind, errno))?;
        Ok(Self { context, kind: kind.to_owned() })
    }

    /// Sets `key=value`.
    pub fn set(&self, key: &str, value: impl AsRef<std::ffi::OsStr>) -> Result<()> {
        rustix::mount::fsconfig_set_string(self.context.as_fd(), key, value.as_ref()).map_err(|errno| self.failed(key, errno))
    }

    /// Sets a key without a value.
    pub fn set_flag(&self, key: &str) -> Result<()> {
        rustix::mount::fsconfig_set_flag(self.context.as_fd(), key).map_err(|errno| self.failed(key, errno))
    }

    /// Sets a key to an opened file or directory (overlay's layers by descriptor: Linux 6.13).
    pub fn set_fd(&self, key: &str, fd: BorrowedFd<'_>) -> Result<()> {
        rustix::mount::fsconfig_set_fd(self.context.as_fd(), key, fd).map_err(|errno| self.failed(key, errno))
    }

    /// Creates the instance and returns it as a detached mount with these `ATTR_*`.
    pub fn mount(self, attributes: u64) -> Result<OwnedFd> {
        rustix::mount::fsconfig_create(self.context.as_fd()).map_err(|errno| self.failed("create", errno))?;
        let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or_default());
        rustix::mount::fsmount(self.context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|errno| self.failed("fsmount", errno))
    }

    /// The error with what the file system itself said about it, which the kernel queues on the context.
    fn failed(&self, step: &str, errno: rustix::io::Errno) -> Error {
        let mut said = String::new();
        if let Ok(context) = self.context.try_clone() {
            let mut buffer = [0; 1024];
            if let Ok(got) = std::fs::File::from(context).read(&mut buffer) {
                said = String::from_utf8_lossy(&buffer[..got]).trim().to_owned();
            }
        }
        let subject = if said.is_empty() { format!("{} {step}", self.kind) } else { format!("{} {step} ({said})", self.kind) };
        Error::new("fsconfig", subject, errno)
    }
}
