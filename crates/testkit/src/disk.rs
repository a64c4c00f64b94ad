//! A small file system of its own kind and size, to fill up, to break, or to clone on.
use crate::{Command, mounts_below, unmount_below};
use std::path::{Path, PathBuf};

/// Which file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fs {
    /// ext4: no reflink; `lost+found` in its root.
    Ext4,
    /// xfs with reflink.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl Fs {
    /// The kernel's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

/// A file with a file system in it, mounted through a loop device. Unmounted and deleted on drop.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    mnt: PathBuf,
}

impl Disk {
    /// Makes and mounts a file system of `mib` MiB (xfs wants 300, btrfs 110).
    pub fn new(fs: Fs, mib: u64) -> Self {
        let dir = crate::sandbox::fresh_dir("disk");
        let (image, mnt) = (dir.join("image"), dir.join("mnt"));
        std::fs::create_dir(&mnt).unwrap();
        std::fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
        let quiet_force: &[&str] = match fs {
            Fs::Ext4 => &["-q", "-F"],
            Fs::Xfs | Fs::Btrfs => &["-q", "-f"],
        };
        Command::new(format!("mkfs.{}", fs.name())).args(quiet_force).arg(&image).run().ok();
        Command::new("mount").args(["-o", "loop", "-t", fs.name()]).arg(&image).arg(&mnt).run().ok();
        Self { dir, mnt }
    }

    /// One that counts and limits what projects hold; `None` where this kernel mounts none.
    pub fn with_projects(fs: Fs, mib: u64) -> Option<Self> {
        let dir = crate::sandbox::fresh_dir("disk");
        let (image, mnt) = (dir.join("image"), dir.join("mnt"));
        std::fs::create_dir(&mnt).unwrap();
        std::fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
        let options: &[&str] = if fs == Fs::Ext4 { &["-q", "-F", "-O", "project,quota"] } else { &["-q", "-f"] };
        Command::new(format!("mkfs.{}", fs.name())).args(options).arg(&image).run().ok();
        let mounted = Command::new("mount").args(["-o", "loop,prjquota", "-t", fs.name()]).arg(&image).arg(&mnt).run();
        let disk = Self { dir, mnt };
        // XFS without the feature mounts and only warns.
        let options = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let counts = |line: &str| line.contains(disk.mnt.to_str().unwrap()) && line.contains("prjquota");
        (mounted.code == 0 && options.lines().any(counts)).then_some(disk)
    }

    /// A block device with an unmounted file system in it, for `-o type=ext4 -o device=` volumes: (keeps the file alive, device).
    pub fn device(fs: Fs, mib: u64) -> (Self, LoopDevice) {
        let disk = Self::new(fs, mib);
        unmount_below(&disk.mnt);
        let shown = Command::new("losetup").args(["-f", "--show"]).arg(disk.dir.join("image")).run().ok().text();
        (disk, LoopDevice(shown.trim().into()))
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mnt
    }

    /// Fills it until not one more byte fits (for root too).
    pub fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.mnt.join("filler")).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![7u8; size]).and_then(|()| file.sync_data()).is_ok() {}
        }
    }

    /// Takes away what [`Disk::fill`] wrote.
    pub fn empty(&self) {
        std::fs::remove_file(self.mnt.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount_below(&self.dir);
        if mounts_below(&self.dir).is_empty() {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, Fs};

    #[test]
    fn a_full_disk_is_full_and_then_it_is_not() {
        let disk = Disk::new(Fs::Ext4, 16);
        disk.fill();
        assert!(std::fs::write(disk.path().join("x"), [1u8; 8192]).is_err());
        disk.empty();
        std::fs::write(disk.path().join("x"), [1u8; 8192]).unwrap();
    }
}

/// A loop device of the test's own; detached on drop.
#[derive(Debug)]
pub struct LoopDevice(PathBuf);

impl LoopDevice {
    /// Its path below /dev.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _outcome = Command::new("losetup").arg("-d").arg(&self.0).run();
    }
}
