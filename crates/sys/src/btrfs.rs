//! Subvolumes of btrfs: trees of their own inside the file system, of which a snapshot takes milliseconds however much they hold.
//!
//! Everything is by descriptor. What the structures hold is linux/btrfs.h (since Linux 3.x; asking for the children of a subvolume and rmdir
//! of one since 4.18).

#![expect(unsafe_code, reason = "ioctls that rustix does not wrap")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags};
use rustix::io::{self, Errno};
use rustix::ioctl::{self, Getter, Opcode, Setter, Updater, opcode};

use crate::statfs::{self, FsKind};
use crate::{Error, Result};

/// `BTRFS_FIRST_FREE_OBJECTID`: the inode number of the root of every subvolume, and of nothing else on btrfs.
const ROOT_INODE: u64 = 256;
/// `BTRFS_SUBVOL_RDONLY`.
const READ_ONLY: u64 = 1 << 1;
/// `BTRFS_IOCTL_MAGIC`.
const MAGIC: u8 = 0x94;
/// `BTRFS_SUBVOL_NAME_MAX` and `BTRFS_PATH_NAME_MAX`, with the end of the string.
const NAME_ROOM: usize = 4040;
const PATH_ROOM: usize = 4088;

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct Named {
    fd: i64,
    name: [u8; PATH_ROOM],
}

/// `struct btrfs_ioctl_vol_args_v2`.
#[repr(C)]
struct NamedWithFlags {
    fd: i64,
    transid: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; NAME_ROOM],
}

/// `struct btrfs_ioctl_fs_info_args`.
#[repr(C)]
struct FsInfo {
    max_id: u64,
    num_devices: u64,
    fsid: [u8; 16],
    rest: [u64; 124],
}

/// `struct btrfs_ioctl_get_subvol_rootref_args`.
#[repr(C)]
struct Children {
    min_treeid: u64,
    refs: [[u64; 2]; 255],
    count: u8,
    align: [u8; 7],
}

const SNAP_DESTROY: Opcode = opcode::write::<Named>(MAGIC, 15);
const SNAP_CREATE: Opcode = opcode::write::<NamedWithFlags>(MAGIC, 23);
const SUBVOL_CREATE: Opcode = opcode::write::<NamedWithFlags>(MAGIC, 24);
const GET_FLAGS: Opcode = opcode::read::<u64>(MAGIC, 25);
const SET_FLAGS: Opcode = opcode::write::<u64>(MAGIC, 26);
const FS_INFO: Opcode = opcode::read::<FsInfo>(MAGIC, 31);
const CHILDREN: Opcode = opcode::read_write::<Children>(MAGIC, 61);

/// Whether a directory is on btrfs.
#[must_use]
pub fn is_btrfs(dir: impl AsFd) -> bool {
    statfs::of(dir, Path::new("")).is_ok_and(|info| info.kind == FsKind::Btrfs)
}

/// Whether a directory is the root of a subvolume. Only a directory whose inode number allows it costs a second call.
#[must_use]
pub fn is_subvolume(dir: impl AsFd) -> bool {
    let dir = dir.as_fd();
    fs::statat(dir, c"", AtFlags::EMPTY_PATH).is_ok_and(|stat| stat.st_ino == ROOT_INODE) && is_btrfs(dir)
}

/// Whether two directories are on the same btrfs, in whichever of its subvolumes.
#[must_use]
pub fn is_same(a: impl AsFd, b: impl AsFd) -> bool {
    matches!((uuid(a.as_fd()), uuid(b.as_fd())), (Ok(a), Ok(b)) if a == b)
}

/// Makes an empty subvolume `name` in `dir`, mode 0777 less the umask. Durable when `dir` has been synced.
///
/// # Errors
/// `EEXIST`, `ENOTTY` where this is no btrfs, else what the kernel says.
pub fn create(dir: impl AsFd, name: &CStr) -> Result<()> {
    let arguments =
        NamedWithFlags { fd: 0, transid: 0, flags: 0, unused: [0; 4], name: room(name).map_err(failed("create subvolume", name))? };
    // SAFETY: the opcode takes this structure.
    let request = unsafe { Setter::<SUBVOL_CREATE, NamedWithFlags>::new(arguments) };
    // SAFETY: the structure lives through the call and holds no pointer.
    unsafe { ioctl::ioctl(dir.as_fd(), request) }.map_err(failed("create subvolume", name))
}

/// Makes a snapshot of the subvolume `source` as `name` in `dir`. What was written to the source before is in it (the kernel flushes it), and it
/// is on the disk when this returns (the kernel commits).
///
/// # Errors
/// `EEXIST`, `EXDEV` for another file system, `EINVAL` where `source` is no subvolume, else what the kernel says.
pub fn snapshot(source: impl AsFd, dir: impl AsFd, name: &CStr, is_read_only: bool) -> Result<()> {
    let arguments = NamedWithFlags {
        fd: i64::from(source.as_fd().as_raw_fd()),
        transid: 0,
        flags: if is_read_only { READ_ONLY } else { 0 },
        unused: [0; 4],
        name: room(name).map_err(failed("snapshot", name))?,
    };
    // SAFETY: the opcode takes this structure.
    let request = unsafe { Setter::<SNAP_CREATE, NamedWithFlags>::new(arguments) };
    // SAFETY: the structure lives through the call, as does the descriptor in it.
    unsafe { ioctl::ioctl(dir.as_fd(), request) }.map_err(failed("snapshot", name))
}

/// Deletes the subvolume `name` of `dir` with all it holds, read-only or not; the kernel gives its space back in the background.
///
/// # Errors
/// `ENOTEMPTY` while subvolumes lie in it, `EBUSY` while it is mounted, `ENOENT`, else what the kernel says.
pub fn destroy(dir: impl AsFd, name: &CStr) -> io::Result<()> {
    let arguments = Named { fd: 0, name: room(name)? };
    // SAFETY: the opcode takes this structure.
    let request = unsafe { Setter::<SNAP_DESTROY, Named>::new(arguments) };
    // SAFETY: the structure lives through the call and holds no pointer.
    unsafe { ioctl::ioctl(dir.as_fd(), request) }
}

/// Whether the subvolume is read-only.
///
/// # Errors
/// It is no subvolume.
pub fn is_read_only(subvolume: impl AsFd) -> io::Result<bool> {
    flags(subvolume.as_fd()).map(|flags| flags & READ_ONLY != 0)
}

/// Makes the subvolume read-only or writable.
///
/// # Errors
/// It is no subvolume, or it is being sent.
pub fn set_read_only(subvolume: impl AsFd, is_read_only: bool) -> io::Result<()> {
    let old = flags(subvolume.as_fd())?;
    let new = if is_read_only { old | READ_ONLY } else { old & !READ_ONLY };
    // SAFETY: the opcode takes one u64.
    let request = unsafe { Setter::<SET_FLAGS, u64>::new(new) };
    // SAFETY: the number lives through the call.
    unsafe { ioctl::ioctl(subvolume.as_fd(), request) }
}

/// Whether other subvolumes lie somewhere in this one: a snapshot would have empty directories in their places.
///
/// # Errors
/// It is no subvolume; a kernel before 4.18.
pub fn has_children(subvolume: impl AsFd) -> io::Result<bool> {
    let mut children = Children { min_treeid: 0, refs: [[0; 2]; 255], count: 0, align: [0; 7] };
    // SAFETY: the opcode reads and writes this structure; every bit pattern is valid in it.
    let request = unsafe { Updater::<CHILDREN, Children>::new(&mut children) };
    // SAFETY: the structure lives through the call.
    match unsafe { ioctl::ioctl(subvolume.as_fd(), request) } {
        // More than fit.
        Err(Errno::OVERFLOW) => Ok(true),
        Err(e) => Err(e),
        Ok(()) => Ok(children.count > 0),
    }
}

fn flags(subvolume: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: the opcode writes one u64.
    let request = unsafe { Getter::<GET_FLAGS, u64>::new() };
    // SAFETY: the request holds the room for it.
    unsafe { ioctl::ioctl(subvolume, request) }
}

fn uuid(dir: BorrowedFd<'_>) -> io::Result<[u8; 16]> {
    if !is_btrfs(dir) {
        return Err(Errno::NOTTY);
    }
    // SAFETY: the opcode writes this structure; every bit pattern is valid in it.
    let request = unsafe { Getter::<FS_INFO, FsInfo>::new() };
    // SAFETY: the request holds the room for it.
    unsafe { ioctl::ioctl(dir, request) }.map(|info| info.fsid)
}

/// A name in a field of fixed length, with the zero that ends it.
fn room<const N: usize>(name: &CStr) -> io::Result<[u8; N]> {
    let bytes = name.to_bytes();
    // The kernel refuses slashes and `..` itself; a name of a directory entry has at most 255 bytes.
    if bytes.is_empty() || bytes.len() > 255 {
        return Err(Errno::NAMETOOLONG);
    }
    let mut field = [0; N];
    field[..bytes.len()].copy_from_slice(bytes);
    Ok(field)
}

fn failed(op: &'static str, name: &CStr) -> impl Fn(Errno) -> Error {
    let shown = String::from_utf8_lossy(name.to_bytes()).into_owned();
    move |e| Error::new(op, &shown, e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn the_structures_have_the_kernels_sizes() {
        for size in [size_of::<Named>(), size_of::<NamedWithFlags>(), size_of::<Children>()] {
            assert_eq!(size, 4096);
        }
        assert_eq!(size_of::<FsInfo>(), 1024);
        // The numbers of linux/btrfs.h as strace shows them.
        assert_eq!([SNAP_DESTROY, SNAP_CREATE, SUBVOL_CREATE], [0x5000_940f, 0x5000_9417, 0x5000_9418]);
        assert_eq!([GET_FLAGS, SET_FLAGS, FS_INFO, CHILDREN], [0x8008_9419, 0x4008_941a, 0x8400_941f, 0xd000_943d]);
    }

    #[test]
    fn elsewhere_nothing_is_a_subvolume() {
        let dir = TestDir::new();
        let fd = std::fs::File::open(dir.path()).unwrap();
        if is_btrfs(&fd) {
            return;
        }
        assert!(!is_subvolume(&fd) && !is_same(&fd, &fd));
        assert!(create(&fd, c"x").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
