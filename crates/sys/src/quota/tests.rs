//! Projects on file systems that have them, counted or not; quotas of btrfs on and off.
#![expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test's own file systems and files")]

use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::testdir::TestDir;

/// A file system of our own; unmounted on drop.
struct Disk(TestDir, PathBuf);

impl Disk {
    fn new(mkfs: &[&str]) -> Self {
        Self::try_new(mkfs).unwrap()
    }

    fn try_new(mkfs: &[&str]) -> Option<Self> {
        let dir = TestDir::new();
        let (image, mnt) = (dir.path().join("image"), dir.path().join("mnt"));
        std::fs::create_dir(&mnt).unwrap();
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        run(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image));
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mnt).output().unwrap();
        mounted.status.success().then_some(Self(dir, mnt))
    }

    fn open(&self, name: &str) -> std::fs::File {
        std::fs::File::open(self.1.join(name)).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ended = Command::new("umount").arg("-l").arg(&self.1).status();
        let _ = &self.0;
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn everything_of_a_project_is_renamed_within_it() {
    for mkfs in [&["mkfs.ext4", "-q", "-F", "-O", "project"][..], &["mkfs.xfs", "-q", "-f"][..]] {
        // A kernel without quota formats (CONFIG_QFMT_V2) mounts no ext4 that has projects; projects of XFS need nothing.
        let Some(disk) = Disk::try_new(mkfs) else {
            assert_eq!(mkfs[0], "mkfs.ext4");
            eprintln!("skipped: this kernel mounts no ext4 with projects");
            continue;
        };
        let at = |name: &str| disk.1.join("data").join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::create_dir_all(at("c")).unwrap();
        std::fs::write(at("a/file"), "x").unwrap();
        std::os::unix::fs::symlink("file", at("a/link")).unwrap();
        let long = "l/".repeat(400);
        std::os::unix::fs::symlink(&long, at("a/b/long")).unwrap();
        std::os::unix::fs::lchown(at("a/link"), Some(12), Some(34)).unwrap();
        let before = at("a/link").symlink_metadata().unwrap();
        give_project(disk.open("data").as_fd(), OURS | 7, Path::new("data")).unwrap();
        assert!(has_project(disk.open("data")) && has_project(disk.open("data/a/b")));
        assert_eq!(project(disk.open("data/a/file").as_fd()).unwrap(), OURS | 7);
        let after = at("a/link").symlink_metadata().unwrap();
        let told = |m: &std::fs::Metadata| {
            use std::os::unix::fs::MetadataExt;
            (m.uid(), m.gid(), m.mtime(), m.mtime_nsec())
        };
        assert_eq!(told(&before), told(&after), "{mkfs:?}");
        std::os::unix::fs::symlink("new", at("fresh")).unwrap();
        for (from, to) in [("a/file", "c/file"), ("a/link", "c/link"), ("a/b/long", "c/long"), ("fresh", "c/fresh"), ("a/b", "c/b")] {
            std::fs::rename(at(from), at(to)).unwrap_or_else(|e| panic!("{mkfs:?}: {from}: {e}"));
        }
        assert_eq!(std::fs::read_link(at("c/long")).unwrap(), PathBuf::from(long));
        let left: Vec<_> = std::fs::read_dir(at("a")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
        // What the whole exchange of contents relies on: the directory itself goes where no project is.
        std::fs::create_dir(disk.1.join("stage")).unwrap();
        std::fs::rename(at(""), disk.1.join("stage/data")).unwrap();
    }
}

#[test]
fn quotas_of_a_btrfs_are_off_until_they_are_turned_on() {
    let disk = Disk::new(&["mkfs.btrfs", "-q", "-f"]);
    btrfs::create(disk.open(""), c"sub").unwrap();
    let sub = disk.open("sub");
    assert!(!is_counting(&sub));
    assert_eq!((limiter(&sub), usage(&sub)), (None, None));
    assert!(limit(&sub, Some(1 << 20), Path::new("sub")).is_err(), "not turned on by the way");
    turn_on(&sub, Path::new("sub")).unwrap();
    turn_on(&sub, Path::new("sub")).unwrap();
    assert!(is_counting(&sub));
    limit(&sub, Some(1 << 20), Path::new("sub")).unwrap();
    assert_eq!(usage(&sub).unwrap().limit, Some(1 << 20));
    run(Command::new("btrfs").args(["quota", "disable"]).arg(&disk.1));
    assert!(!is_counting(&sub));
}
