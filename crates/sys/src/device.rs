//! Device files by number: made, opened and checked below a directory descriptor, never by a path that could be redirected.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dev, FileType, Mode, OFlags};

use crate::{Error, Result};

/// What a device file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceId {
    /// Whether it is a block device (else a character device).
    pub block: bool,
    /// Driver.
    pub major: u32,
    /// Instance.
    pub minor: u32,
}

/// A device file's identity, permission bits and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceFile {
    /// What it stands for.
    pub id: DeviceId,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Looks at an open file; `None` when it is not a device.
pub fn identify(fd: BorrowedFd<'_>) -> Result<Option<DeviceFile>> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| Error::new("fstat", "device", errno))?;
    Ok(describe(&stat))
}

/// Looks at a path of the host, following symlinks; `None` when it is not a device.
pub fn stat(path: &Path) -> Result<Option<DeviceFile>> {
    let stat = rustix::fs::stat(path).map_err(|errno| Error::new("stat", path, errno))?;
    Ok(describe(&stat))
}

fn describe(stat: &rustix::fs::Stat) -> Option<DeviceFile> {
    let block = match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => false,
        FileType::BlockDevice => true,
        _ => return None,
    };
    Some(DeviceFile {
        id: DeviceId { block, major: rustix::fs::major(stat.st_rdev), minor: rustix::fs::minor(stat.st_rdev) },
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
    })
}

/// Makes a device file `name` (one component) in `dir`, with exactly these permissions and owner.
pub fn make(dir: BorrowedFd<'_>, name: &Path, device: &DeviceFile) -> Result<()> {
    let failed = |errno| Error::new("mknod", name, errno);
    let kind = if device.id.block { FileType::BlockDevice } else { FileType::CharacterDevice };
    let number: Dev = rustix::fs::makedev(device.id.major, device.id.minor);
    let mode = Mode::from_raw_mode(device.mode);
    rustix::fs::mknodat(dir, name, kind, mode, number).map_err(failed)?;
    // mknod honours the umask and the file belongs to the caller: set both, but only where that changes something.
    let made = rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    if (made.st_uid, made.st_gid) != (device.uid, device.gid) {
        let (uid, gid) = (rustix::fs::Uid::from_raw(device.uid), rustix::fs::Gid::from_raw(device.gid));
        rustix::fs::chownat(dir, name, Some(uid), Some(gid), rustix::fs::AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    }
    if made.st_mode & 0o7777 != device.mode {
        rustix::fs::chmodat(dir, name, mode, rustix::fs::AtFlags::empty()).map_err(failed)?;
    }
    Ok(())
}

/// Opens an existing device of the host and makes sure it is the one wanted.
pub fn open_verified(path: &Path, wanted: DeviceId, flags: OFlags) -> Result<OwnedFd> {
    let fd = rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
        .map_err(|errno| Error::new("open", path, errno))?;
    match identify(fd.as_fd())? {
        Some(file) if file.id == wanted => Ok(fd),
        _ => Err(Error::new("open", path, rustix::io::Errno::NODEV)),
    }
}

/// Makes a symlink `name` in `dir`.
pub fn symlink(target: &Path, dir: BorrowedFd<'_>, name: &Path) -> Result<()> {
    rustix::fs::symlinkat(target, dir, name).map_err(|errno| Error::new("symlink", name, errno))
}

/// Makes a directory `name` in `dir`.
pub fn mkdir(dir: BorrowedFd<'_>, name: &Path, mode: u32) -> Result<()> {
    rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(mode)).map_err(|errno| Error::new("mkdir", name, errno))
}

/// Gives an open file to a user and a group.
pub fn chown(fd: BorrowedFd<'_>, uid: u32, gid: Option<u32>) -> Result<()> {
    rustix::fs::fchown(fd, Some(rustix::fs::Uid::from_raw(uid)), gid.map(rustix::fs::Gid::from_raw))
        .map_err(|errno| Error::new("fchown", "descriptor", errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NULL: DeviceId = DeviceId { block: false, major: 1, minor: 3 };

    #[test]
    fn a_device_is_made_as_asked_and_recognised() {
        let path = format!("/var/tmp/stead-device-{}", std::process::id());
        rustix::fs::mkdir(&path, Mode::from_raw_mode(0o700)).unwrap();
        let dir = crate::path::open_root(Path::new(&path)).unwrap();
        let wanted = DeviceFile { id: NULL, mode: 0o666, uid: 0, gid: 5 };
        make(dir.as_fd(), Path::new("null"), &wanted).unwrap();
        assert_eq!(stat(&Path::new(&path).join("null")).unwrap(), Some(wanted));
        rustix::fs::unlinkat(&dir, "null", rustix::fs::AtFlags::empty()).unwrap();
        rustix::fs::rmdir(&path).unwrap();
    }

    #[test]
    fn another_file_in_its_place_is_refused() {
        assert!(open_verified(Path::new("/dev/null"), NULL, OFlags::RDWR).is_ok());
        assert!(open_verified(Path::new("/dev/zero"), NULL, OFlags::RDWR).is_err());
        assert!(open_verified(Path::new("/etc/passwd"), NULL, OFlags::RDONLY).is_err());
        assert_eq!(stat(Path::new("/etc")).unwrap(), None);
    }
}
