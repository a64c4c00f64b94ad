//! Which file system something is on, and how much room it has.

use std::os::fd::AsFd;
use std::path::Path;

use crate::{Error, Result};

/// File systems that matter to somebody who keeps data or mounts things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsKind {
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
    /// ZFS.
    Zfs,
    /// Memory.
    Tmpfs,
    /// Layers.
    Overlay,
    /// NFS.
    Nfs,
    /// SMB and CIFS.
    Cifs,
    /// Ceph.
    Ceph,
    /// 9p, as virtual machines share directories.
    P9,
    /// FUSE and virtiofs.
    Fuse,
    /// Processes.
    Proc,
    /// Kernel objects.
    Sysfs,
    /// Control groups, version 1.
    Cgroup,
    /// Control groups, version 2.
    Cgroup2,
    /// Any other, by its magic number.
    Unlisted(u64),
}

impl FsKind {
    /// The kind behind a magic number of `statfs`.
    pub fn from_magic(magic: u64) -> Self {
        match magic {
            0xef53 => Self::Ext,
            0x5846_5342 => Self::Xfs,
            0x9123_683e => Self::Btrfs,
            0x2fc1_2fc1 => Self::Zfs,
            0x0102_1994 => Self::Tmpfs,
            0x794c_7630 => Self::Overlay,
            0x6969 => Self::Nfs,
            0xff53_4d42 | 0xfe53_4d42 | 0x517b => Self::Cifs,
            0x00c3_6400 => Self::Ceph,
            0x0102_1997 => Self::P9,
            0x6573_5546 => Self::Fuse,
            0x9fa0 => Self::Proc,
            0x6265_6572 => Self::Sysfs,
            0x0027_e0eb => Self::Cgroup,
            0x6367_7270 => Self::Cgroup2,
            other => Self::Unlisted(other),
        }
    }

    /// Whether the data is on another machine or passes through another process: databases have lost data there.
    pub fn is_remote(self) -> bool {
        matches!(self, Self::Nfs | Self::Cifs | Self::Ceph | Self::P9 | Self::Fuse)
    }
}

/// A file system and its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FsInfo {
    /// Which one.
    pub kind: FsKind,
    /// Bytes in all.
    pub total: u64,
    /// Bytes an unprivileged process may still use.
    pub available: u64,
    /// Inodes left; 0 where the file system does not count them.
    pub inodes_free: u64,
}

/// Looks at the file system of an open file, directory or handle.
///
/// # Errors
/// As `fstatfs`.
pub fn of(fd: impl AsFd, subject: &Path) -> Result<FsInfo> {
    rustix::fs::fstatfs(fd).map(|raw| info(&raw)).map_err(|e| Error::new("fstatfs", subject, e))
}

/// Looks at the file system of a path, symlinks followed.
///
/// # Errors
/// As `statfs`.
pub fn at(path: &Path) -> Result<FsInfo> {
    rustix::fs::statfs(path).map(|raw| info(&raw)).map_err(|e| Error::new("statfs", path, e))
}

fn info(raw: &rustix::fs::StatFs) -> FsInfo {
    let block = u64::try_from(raw.f_bsize).unwrap_or(0);
    FsInfo {
        // Magic numbers are 32 bits that some architectures keep signed.
        kind: FsKind::from_magic(u64::from(u32::from_ne_bytes(magic_bytes(raw)))),
        total: raw.f_blocks.saturating_mul(block),
        available: raw.f_bavail.saturating_mul(block),
        inodes_free: raw.f_ffree,
    }
}

fn magic_bytes(raw: &rustix::fs::StatFs) -> [u8; 4] {
    let mut low = [0; 4];
    let all = raw.f_type.to_ne_bytes();
    let from = if cfg!(target_endian = "big") { all.len() - 4 } else { 0 };
    low.copy_from_slice(&all[from..from + 4]);
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_known_and_has_no_room() {
        assert_eq!(at(Path::new("/proc")).unwrap().kind, FsKind::Proc);
    }

    #[test]
    fn a_disk_has_room() {
        let dir = std::fs::File::open("/var/tmp").unwrap();
        let info = of(&dir, Path::new("/var/tmp")).unwrap();
        assert!(info.total >= info.available && info.total > 0);
    }

    #[test]
    fn network_and_user_space_file_systems_are_remote() {
        assert!(FsKind::from_magic(0x6969).is_remote());
        assert!(FsKind::from_magic(0x6573_5546).is_remote());
        assert!(!FsKind::from_magic(0xef53).is_remote());
        assert_eq!(FsKind::from_magic(7), FsKind::Unlisted(7));
    }
}
