//! Lookups that stay where they belong: the only way this room turns a name into a descriptor.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatVfsMountFlags, StatxFlags};
use rustix::io::Errno;
use stead_sys::Error as SysError;

use crate::write::Follow;

/// How often a lookup that a rename elsewhere disturbed (`EAGAIN`) is tried again.
const RETRIES_MAX: u32 = 10_000;

/// File systems made of kernel state: their "files" have no size, may block for ever, and writing them is not storing.
const KERNEL_FS: &[u64] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0x6e73_6673, // nsfs
    0xde5e_81e4, // efivarfs
    0x6265_6570, // configfs
    0x4249_4e4d, // binfmt_misc
];

/// Opens `rel` below `root` under one of the two rules; a handle only unless `flags` say otherwise.
pub(crate) fn open(root: BorrowedFd<'_>, rel: &Path, flags: OFlags, follow: Follow) -> Result<OwnedFd, SysError> {
    let rules = match follow {
        Follow::InRoot => ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        Follow::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    };
    let wanted = if rel.as_os_str().is_empty() { Path::new(".") } else { rel };
    for _ in 0..RETRIES_MAX {
        match rustix::fs::openat2(root, wanted, flags | OFlags::CLOEXEC, Mode::empty(), rules) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other.map_err(|errno| SysError::new("open", rel, errno)),
        }
    }
    Err(SysError::new("open", rel, Errno::AGAIN))
}

/// A handle to one entry of a directory; a symlink is the entry, not what it names.
pub(crate) fn entry(dir: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Opens for use what a handle refers to, whose type the caller has checked.
pub(crate) fn reopen(handle: BorrowedFd<'_>, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(rustix::fs::CWD, proc_path(handle), flags | OFlags::CLOEXEC, Mode::empty())
}

/// The name of a descriptor for calls that only take a path: it leads to exactly the inode the descriptor holds.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// The attributes of one entry, symlinks not followed; `None` when there is none.
pub(crate) fn look(dir: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// What kind of thing these attributes describe.
pub(crate) fn type_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The identity of the mount a descriptor lies in.
pub(crate) fn mount_id(fd: BorrowedFd<'_>) -> rustix::io::Result<u64> {
    Ok(rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// Whether `name` in `dir` is the root of another mount: it can then be neither renamed nor unlinked.
pub(crate) fn is_mount_point(dir: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<bool> {
    let child = rustix::fs::statx(dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::MNT_ID)?;
    Ok(child.stx_mnt_id != mount_id(dir)?)
}

/// Whether the mount of a descriptor refuses writes.
pub(crate) fn is_read_only(fd: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    Ok(rustix::fs::fstatvfs(fd)?.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether a descriptor lies on a file system made of kernel state.
pub(crate) fn is_kernel_fs(fd: impl AsFd) -> rustix::io::Result<bool> {
    let magic = rustix::fs::fstatfs(fd)?.f_type;
    Ok(u64::try_from(magic).is_ok_and(|magic| KERNEL_FS.contains(&magic)))
}
