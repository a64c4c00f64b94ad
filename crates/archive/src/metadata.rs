//! Attributes of files, always by descriptor: reading them for an archive and putting them back.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;

use crate::encode::Member;
use crate::scope;
use crate::write::Owner;

/// Longest list of attribute names and longest value the kernel knows.
const XATTR_MAX: usize = 64 * 1024;

/// Which extended attributes travel: file capabilities, access lists, and what users set. Never those of overlayfs, which would turn a file
/// into a whiteout or a redirect, nor security labels, which belong to the place and not to the file.
pub(crate) fn travels(name: &[u8]) -> bool {
    match name {
        b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default" => true,
        _ => name.starts_with(b"user.") && !name.starts_with(b"user.overlay."),
    }
}

/// The extended attributes of an open file or directory that travel. A file system without them has none.
pub(crate) fn xattrs(fd: BorrowedFd<'_>) -> rustix::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut probe = [0u8; 1024];
    let mut large = Vec::new();
    let names: &[u8] = match rustix::fs::flistxattr(fd, &mut probe[..]) {
        Ok(length) => &probe[..length],
        Err(Errno::RANGE) => {
            large.resize(XATTR_MAX, 0);
            let length = rustix::fs::flistxattr(fd, large.as_mut_slice())?;
            &large[..length]
        }
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(errno) => return Err(errno),
    };
    let mut found = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if !travels(name.to_bytes()) {
            continue;
        }
        let mut value = vec![0; XATTR_MAX];
        match rustix::fs::fgetxattr(fd, name, value.as_mut_slice()) {
            Ok(length) => {
                value.truncate(length);
                found.push((name.to_bytes().to_vec(), value));
            }
            // Gone meanwhile, or not ours to read.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    // File systems list them as they like.
    found.sort();
    Ok(found)
}

/// Owner, rights, attributes and times of an open file or directory.
///
/// The owner comes first: a change of owner clears set-uid bits and file capabilities.
pub(crate) fn apply(fd: BorrowedFd<'_>, member: &Member, owner: Owner) -> rustix::io::Result<()> {
    if let Some((uid, gid)) = owner.of(member) {
        rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    rustix::fs::fchmod(fd, Mode::from_raw_mode(member.mode))?;
    set_xattrs(fd, member)
}

/// The same for what cannot be opened for use (devices, named pipes): through the handle's name in /proc, which leads to exactly this inode.
pub(crate) fn apply_to_handle(handle: BorrowedFd<'_>, member: &Member, owner: Owner) -> rustix::io::Result<()> {
    let path = scope::proc_path(handle);
    if let Some((uid, gid)) = owner.of(member) {
        rustix::fs::chownat(handle, "", Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::EMPTY_PATH)?;
    }
    rustix::fs::chmodat(rustix::fs::CWD, &path, Mode::from_raw_mode(member.mode), AtFlags::empty())?;
    rustix::fs::utimensat(rustix::fs::CWD, &path, &times(member), AtFlags::empty())
}

/// What a directory hands down to what is made in it: set when nothing is made in it any more, or everything below would have access lists that
/// the archive does not give it.
const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

/// The default access list of a directory, where the archive gives it one.
pub(crate) fn default_acl(member: &Member) -> Option<Vec<u8>> {
    member.xattrs.iter().rev().find(|(name, _)| name == DEFAULT_ACL).map(|(_, value)| value.clone())
}

/// Sets it. A file system that has none goes without.
pub(crate) fn set_default_acl(fd: BorrowedFd<'_>, value: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::fsetxattr(fd, c"system.posix_acl_default", value, XattrFlags::empty()) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn set_xattrs(fd: BorrowedFd<'_>, member: &Member) -> rustix::io::Result<()> {
    for (name, value) in member.xattrs.iter().filter(|(name, _)| travels(name) && name != DEFAULT_ACL) {
        let Ok(name) = CString::new(name.as_slice()) else { continue };
        match rustix::fs::fsetxattr(fd, name.as_c_str(), value, XattrFlags::empty()) {
            // A file system or a user that may not have it: Docker goes on as well.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn times(member: &Member) -> Timestamps {
    timestamps(member.mtime)
}

/// A modification time for the kernel; the access time is left alone.
pub(crate) fn timestamps((seconds, nanos): (i64, u32)) -> Timestamps {
    let mtime = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) };
    Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: mtime }
}

/// Sets the modification time of an open file or directory.
pub(crate) fn set_times(fd: impl AsFd, member: &Member) -> rustix::io::Result<()> {
    rustix::fs::futimens(fd, &times(member))
}

/// Owner and time of a symlink, which has no rights of its own.
pub(crate) fn apply_to_symlink(dir: BorrowedFd<'_>, name: &OsStr, member: &Member, owner: Owner) -> rustix::io::Result<()> {
    if let Some((uid, gid)) = owner.of(member) {
        rustix::fs::chownat(dir, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    rustix::fs::utimensat(dir, name, &times(member), AtFlags::SYMLINK_NOFOLLOW)
}

#[cfg(test)]
mod tests {
    use super::travels;

    #[test]
    fn attributes_of_overlayfs_and_labels_stay_at_home() {
        for (name, goes) in [
            ("user.note", true),
            ("security.capability", true),
            ("system.posix_acl_access", true),
            ("user.overlay.opaque", false),
            ("trusted.overlay.opaque", false),
            ("trusted.note", false),
            ("security.selinux", false),
        ] {
            assert_eq!(travels(name.as_bytes()), goes, "{name}");
        }
    }
}
