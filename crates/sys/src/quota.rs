//! Limits of what one directory tree may hold: quota groups of btrfs subvolumes, and projects of ext4 and XFS; growing a file system that is mounted.
//!
//! Sources: linux/btrfs.h, linux/quota.h, quotactl(2) (`quotactl_fd`, Linux 5.14), ioctl_fsgetxattr in linux/fs.h, ioctl_xfs_fsgrowfsdata(2).

#![expect(unsafe_code, reason = "ioctls and a system call that rustix does not wrap")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::io::{self, Errno};
use rustix::ioctl::{self, NoArg, Opcode, Setter, Updater, opcode};

use crate::statfs::{self, FsKind};
use crate::tree::{self, Visit};
use crate::{Error, Result, btrfs};

/// What can limit a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limiter {
    /// The quota group of a btrfs subvolume.
    Qgroup,
    /// A project of ext4 or XFS, mounted with `prjquota`.
    Project,
}

/// What a limited tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in it.
    pub used: u64,
    /// The most it may hold; `None`: no limit.
    pub limit: Option<u64>,
}

/// `struct btrfs_ioctl_quota_ctl_args`.
#[repr(C)]
struct Control {
    command: u64,
    status: u64,
}

/// `struct btrfs_ioctl_qgroup_limit_args`.
#[repr(C)]
struct GroupLimit {
    group: u64,
    flags: u64,
    max_referenced: u64,
    max_exclusive: u64,
    reserved: [u64; 2],
}

/// `struct btrfs_ioctl_search_args`.
#[repr(C)]
struct Search {
    tree: u64,
    objectid: [u64; 2],
    offset: [u64; 2],
    transid: [u64; 2],
    kind: [u32; 2],
    items: u32,
    unused: u32,
    more: [u64; 4],
    found: [u8; 3992],
}

/// `struct btrfs_ioctl_ino_lookup_args`.
#[repr(C)]
struct Lookup {
    tree: u64,
    objectid: u64,
    name: [u8; 4080],
}

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct Named {
    fd: i64,
    name: [u8; 4088],
}

/// `struct fsxattr`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Extended {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    pad: [u8; 8],
}

/// `struct if_dqblk`; blocks are KiB, space is bytes.
#[repr(C)]
#[derive(Default)]
struct Quota {
    block_hard: u64,
    block_soft: u64,
    space: u64,
    inode_hard: u64,
    inode_soft: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
}

/// `struct xfs_growfs_data`.
#[repr(C)]
struct GrowXfs {
    blocks: u64,
    inode_percent: u32,
}

const QUOTA_CTL: Opcode = opcode::read_write::<Control>(0x94, 40);
const QGROUP_LIMIT: Opcode = opcode::read::<GroupLimit>(0x94, 43);
const RESCAN_WAIT: Opcode = opcode::none(0x94, 46);
const TREE_SEARCH: Opcode = opcode::read_write::<Search>(0x94, 17);
const INO_LOOKUP: Opcode = opcode::read_write::<Lookup>(0x94, 18);
const RESIZE_BTRFS: Opcode = opcode::write::<Named>(0x94, 3);
const GET_EXTENDED: Opcode = opcode::read::<Extended>(b'X', 31);
const SET_EXTENDED: Opcode = opcode::write::<Extended>(b'X', 32);
const GROW_XFS: Opcode = opcode::write::<GrowXfs>(b'X', 110);
const RESIZE_EXT4: Opcode = opcode::write::<u64>(b'f', 16);

/// `FS_XFLAG_PROJINHERIT`.
const INHERIT: u32 = 0x200;
/// `QCMD(Q_GETQUOTA, PRJQUOTA)`, `QCMD(Q_SETQUOTA, PRJQUOTA)`.
const GET_QUOTA: u32 = (0x0080_0007 << 8) | 2;
const SET_QUOTA: u32 = (0x0080_0008 << 8) | 2;
/// `QIF_BLIMITS`.
const BLOCK_LIMITS: u32 = 1;
/// A bit that every project of ours has: above what administrators number by hand.
const OURS: u32 = 0x4000_0000;
/// `BTRFS_QUOTA_TREE_OBJECTID`, `BTRFS_QGROUP_INFO_KEY`, `BTRFS_QGROUP_LIMIT_KEY`, `BTRFS_FIRST_FREE_OBJECTID`.
const QUOTA_TREE: u64 = 8;
/// `BTRFS_QGROUP_STATUS_KEY`, `BTRFS_QGROUP_STATUS_FLAG_ON`.
const GROUP_STATUS: u32 = 240;
const STATUS_ON: u64 = 1;
const GROUP_INFO: u32 = 242;
const GROUP_LIMIT: u32 = 244;
const FIRST_FREE: u64 = 256;

/// What can limit what is in `dir`, without changing anything: `None` where nothing can.
#[must_use]
pub fn limiter(dir: impl AsFd) -> Option<Limiter> {
    let dir = dir.as_fd();
    match statfs::of(dir, Path::new("")).map(|info| info.kind).ok()? {
        FsKind::Btrfs => (btrfs::is_subvolume(dir) && is_counting(dir)).then_some(Limiter::Qgroup),
        FsKind::Ext | FsKind::Xfs => get_quota(dir, 0).is_ok().then_some(Limiter::Project),
        _ => None,
    }
}

/// Limits what the tree at `dir`, with all that is in it, may hold, in bytes; `None` lifts the limit. A directory that had no project gets a new one,
/// and so does everything in it. On btrfs quotas have to be on, see [`turn_on`].
///
/// # Errors
/// `EOPNOTSUPP` where nothing can limit it, else what the kernel says.
pub fn limit(dir: impl AsFd, bytes: Option<u64>, shown: &Path) -> Result<()> {
    let dir = dir.as_fd();
    match limiter(dir) {
        Some(Limiter::Qgroup) => limit_subvolume(dir, bytes).map_err(|e| Error::new("limit subvolume", shown, e)),
        Some(Limiter::Project) => limit_project(dir, bytes, shown),
        None => Err(Error::new("limit", shown, Errno::OPNOTSUPP)),
    }
}

/// Whether the btrfs that `dir` is on counts what its subvolumes hold. Everything written there costs a little more where it does.
#[must_use]
pub fn is_counting(dir: impl AsFd) -> bool {
    search(dir.as_fd(), GROUP_STATUS, 0).is_some_and(|status| status[2] & STATUS_ON != 0)
}

/// Makes the whole btrfs that `dir` is on count what its subvolumes hold, and waits until it knows.
///
/// # Errors
/// What the kernel says.
pub fn turn_on(dir: impl AsFd, shown: &Path) -> Result<()> {
    let dir = dir.as_fd();
    let failed = |e: Errno| Error::new("turn quotas on", shown, e);
    let mut control = Control { command: 1, status: 0 };
    {
        // SAFETY: the opcode takes this structure, or nothing.
        let request = unsafe { Updater::<QUOTA_CTL, _>::new(&mut control) };
        // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
        unsafe { ioctl::ioctl(dir, request) }
    }
    .map_err(failed)?;
    // SAFETY: the opcode takes this structure, or nothing.
    let request = unsafe { NoArg::<RESCAN_WAIT>::new() };
    // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
    unsafe { ioctl::ioctl(dir, request) }.map_err(failed)
}

/// What the tree at `dir` holds and may hold, as the kernel counts it; `None` where it does not count.
#[must_use]
pub fn usage(dir: impl AsFd) -> Option<Usage> {
    let dir = dir.as_fd();
    match limiter(dir)? {
        Limiter::Qgroup => {
            let group = subvolume_id(dir).ok()?;
            let used = search(dir, GROUP_INFO, group)?[1];
            let limit = search(dir, GROUP_LIMIT, group).filter(|item| item[0] & 1 != 0).map(|item| item[1]);
            Some(Usage { used, limit })
        }
        Limiter::Project => {
            let project = project(dir).ok().filter(|project| project & OURS != 0)?;
            let quota = get_quota(dir, project).ok()?;
            Some(Usage { used: quota.space, limit: (quota.block_hard > 0).then(|| quota.block_hard.saturating_mul(1024)) })
        }
    }
}

/// Whether what is renamed into `dir` must have its project, so that things from elsewhere cannot be (`EXDEV`).
#[must_use]
pub fn has_project(dir: impl AsFd) -> bool {
    get_extended(dir.as_fd()).is_ok_and(|found| found.flags & INHERIT != 0 && found.project != 0)
}

/// Grows the mounted file system that `dir` is on to the size of its device: ext4, XFS or btrfs.
///
/// # Errors
/// `EOPNOTSUPP` for others, else what the kernel says.
pub fn grow_filesystem(dir: impl AsFd, device_bytes: u64, shown: &Path) -> Result<()> {
    let dir = dir.as_fd();
    let info = statfs::of(dir, shown)?;
    let blocks = device_bytes / rustix::fs::fstatfs(dir).map_or(4096, |found| found.f_bsize.unsigned_abs().max(512));
    let grown = match info.kind {
        FsKind::Ext => {
            // SAFETY: the opcode takes this structure, or nothing.
            let request = unsafe { Setter::<RESIZE_EXT4, u64>::new(blocks) };
            // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
            unsafe { ioctl::ioctl(dir, request) }
        }
        FsKind::Xfs => {
            // SAFETY: the opcode takes this structure, or nothing.
            let request = unsafe { Setter::<GROW_XFS, _>::new(GrowXfs { blocks, inode_percent: 25 }) };
            // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
            unsafe { ioctl::ioctl(dir, request) }
        }
        FsKind::Btrfs => {
            // SAFETY: the opcode takes this structure, or nothing.
            let request = unsafe { Setter::<RESIZE_BTRFS, _>::new(Named { fd: 0, name: room(c"max") }) };
            // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
            unsafe { ioctl::ioctl(dir, request) }
        }
        _ => Err(Errno::OPNOTSUPP),
    };
    grown.map_err(|e| Error::new("grow", shown, e))
}

fn room(name: &CStr) -> [u8; 4088] {
    let mut room = [0; 4088];
    let bytes = name.to_bytes();
    room[..bytes.len()].copy_from_slice(bytes);
    room
}

fn limit_subvolume(dir: BorrowedFd<'_>, bytes: Option<u64>) -> io::Result<()> {
    // The group 0/ID of the subvolume the descriptor is of. A limit of all ones is none (`CLEAR_VALUE`).
    let arguments = GroupLimit { group: 0, flags: 1, max_referenced: bytes.unwrap_or(u64::MAX), max_exclusive: 0, reserved: [0; 2] };
    // SAFETY: the opcode takes this structure, or nothing.
    let request = unsafe { Setter::<QGROUP_LIMIT, _>::new(arguments) };
    // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
    unsafe { ioctl::ioctl(dir, request) }
}

fn subvolume_id(dir: BorrowedFd<'_>) -> io::Result<u64> {
    let mut lookup = Lookup { tree: 0, objectid: FIRST_FREE, name: [0; 4080] };
    {
        // SAFETY: the opcode takes this structure, or nothing.
        let request = unsafe { Updater::<INO_LOOKUP, _>::new(&mut lookup) };
        // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
        unsafe { ioctl::ioctl(dir, request) }
    }?;
    Ok(lookup.tree)
}

/// The first three numbers of an item of the quota tree.
fn search(dir: BorrowedFd<'_>, kind: u32, group: u64) -> Option<[u64; 3]> {
    let mut search = Search {
        tree: QUOTA_TREE,
        objectid: [0, 0],
        offset: [group, group],
        transid: [0, u64::MAX],
        kind: [kind, kind],
        items: 1,
        unused: 0,
        more: [0; 4],
        found: [0; 3992],
    };
    {
        // SAFETY: the opcode takes this structure, or nothing.
        let request = unsafe { Updater::<TREE_SEARCH, _>::new(&mut search) };
        // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
        unsafe { ioctl::ioctl(dir, request) }
    }
    .ok()?;
    // `struct btrfs_ioctl_search_header` is 32 bytes; the item follows, little endian.
    let number = |at: usize| search.found.get(32 + at * 8..40 + at * 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    (search.items == 1).then(|| Some([number(0)?, number(1)?, number(2)?])).flatten()
}

fn limit_project(dir: BorrowedFd<'_>, bytes: Option<u64>, shown: &Path) -> Result<()> {
    let failed = |op: &'static str| move |e: Errno| Error::new(op, shown, e);
    let mut id = project(dir).map_err(failed("FS_IOC_FSGETXATTR"))?;
    if id & OURS == 0 || !has_project(dir) {
        id = fresh_project(dir, shown)?;
        give_project(dir, id, shown)?;
    }
    let blocks = bytes.map_or(0, |bytes| bytes.div_ceil(1024));
    let mut quota = Quota { block_hard: blocks, block_soft: 0, valid: BLOCK_LIMITS, ..Quota::default() };
    quotactl(dir, SET_QUOTA, id, &mut quota).map_err(failed("quotactl"))
}

/// Gives a directory, and everything in it, a project.
fn give_project(dir: BorrowedFd<'_>, id: u32, shown: &Path) -> Result<()> {
    set_project(dir, id, INHERIT).map_err(|e| Error::new("FS_IOC_FSSETXATTR", shown, e))?;
    tree::walk(dir, &mut |visit: &Visit<'_>| claim(visit, id))
}

/// Gives one entry the project. Its directory has it already.
fn claim(visit: &Visit<'_>, id: u32) -> Result<()> {
    use rustix::fs::{FileType, Mode, OFlags, openat};
    let kind = FileType::from_raw_mode(visit.stat.st_mode);
    if kind == FileType::Symlink {
        return claim_link(visit);
    }
    // Others (devices, FIFOs, sockets) have no blocks to count, and programs that rename one fall back to making it anew.
    if !matches!(kind, FileType::Directory | FileType::RegularFile) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let failed = |e: Errno| Error::new("FS_IOC_FSSETXATTR", visit.path, e);
    let file = match openat(visit.dir, visit.name, flags, Mode::empty()) {
        // The volume may be in use: gone, or something else by now, which was made below the project.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(()),
        file => file.map_err(failed)?,
    };
    set_project(file.as_fd(), id, if kind == FileType::Directory { INHERIT } else { 0 }).map_err(failed)
}

/// A symbolic link can not be opened to be given a project, and one without could not be renamed in the tree any more (`EXDEV`; `ln -s` and
/// `mv -T` is how programs exchange versions). One that is made anew has the project of its directory, so this one is, and takes the old one's place.
fn claim_link(visit: &Visit<'_>) -> Result<()> {
    use rustix::fs::{AtFlags, Gid, Timespec, Timestamps, Uid};
    let failed = |op: &'static str| move |e: Errno| Error::new(op, visit.path, e);
    let target = match rustix::fs::readlinkat(visit.dir, visit.name, Vec::new()) {
        // Gone, or something else by now: as above.
        Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
        target => target.map_err(failed("readlink"))?,
    };
    let fresh = format!(".stead-link-{}", crate::durable::unique_name()?);
    rustix::fs::symlinkat(&target, visit.dir, &fresh).map_err(failed("symlink"))?;
    let (stat, flags) = (&visit.stat, AtFlags::SYMLINK_NOFOLLOW);
    let time = |seconds, nanos| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
    let times =
        Timestamps { last_access: time(stat.st_atime, stat.st_atime_nsec), last_modification: time(stat.st_mtime, stat.st_mtime_nsec) };
    let owners = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    let done = rustix::fs::chownat(visit.dir, &fresh, owners.0, owners.1, flags)
        .and_then(|()| rustix::fs::utimensat(visit.dir, &fresh, &times, flags))
        .and_then(|()| {
            // Whoever uses the directory may have put something else there: that is his, and has the project.
            let there = rustix::fs::statat(visit.dir, visit.name, flags)?;
            if (there.st_dev, there.st_ino, there.st_mode) != (stat.st_dev, stat.st_ino, stat.st_mode) {
                return Err(Errno::NOENT);
            }
            rustix::fs::renameat(visit.dir, &fresh, visit.dir, visit.name)
        });
    done.or_else(|e| {
        rustix::fs::unlinkat(visit.dir, &fresh, AtFlags::empty()).ok();
        if e == Errno::NOENT { Ok(()) } else { Err(failed("rename")(e)) }
    })
}

/// A project that nothing belongs to and nothing limits.
fn fresh_project(dir: BorrowedFd<'_>, shown: &Path) -> Result<u32> {
    for _ in 0..64 {
        let id = u32::from_le_bytes(crate::durable::random_bytes::<4>()?) | OURS;
        let taken = get_quota(dir, id).is_ok_and(|quota| quota.space > 0 || quota.inodes > 0 || quota.block_hard > 0);
        if !taken && id != u32::MAX {
            return Ok(id);
        }
    }
    Err(Error::new("project", shown, Errno::EXIST))
}

fn project(dir: BorrowedFd<'_>) -> io::Result<u32> {
    get_extended(dir).map(|found| found.project)
}

fn get_extended(fd: BorrowedFd<'_>) -> io::Result<Extended> {
    {
        // SAFETY: the opcode takes this structure, or nothing.
        let request = unsafe { ioctl::Getter::<GET_EXTENDED, Extended>::new() };
        // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
        unsafe { ioctl::ioctl(fd, request) }
    }
}

fn set_project(fd: BorrowedFd<'_>, id: u32, flag: u32) -> io::Result<()> {
    let mut extended = get_extended(fd)?;
    extended.project = id;
    extended.flags |= flag;
    {
        // SAFETY: the opcode takes this structure, or nothing.
        let request = unsafe { Setter::<SET_EXTENDED, _>::new(extended) };
        // SAFETY: what the request holds lives through the call; the kernel may fill it with any bits.
        unsafe { ioctl::ioctl(fd, request) }
    }
}

fn get_quota(dir: BorrowedFd<'_>, id: u32) -> io::Result<Quota> {
    let mut quota = Quota::default();
    quotactl(dir, GET_QUOTA, id, &mut quota).map(|()| quota)
}

fn quotactl(dir: BorrowedFd<'_>, command: u32, id: u32, quota: &mut Quota) -> io::Result<()> {
    let quota: *mut Quota = quota;
    // SAFETY: the structure is the one that both commands take, and lives through the call.
    let done = unsafe { libc::syscall(libc::SYS_quotactl_fd, dir.as_raw_fd(), command, id, quota) };
    if done < 0 { Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
