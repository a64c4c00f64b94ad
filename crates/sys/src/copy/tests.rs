//! A copy is the same tree, whatever is in it.

use super::*;
use crate::testdir::TestDir;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::time::{Duration, SystemTime};

fn fd(path: &Path) -> File {
    File::open(path).unwrap()
}

fn write(path: &Path, data: &[u8]) {
    File::create(path).unwrap().write_all(data).unwrap();
}

fn copy(dir: &TestDir, threads: usize) -> CopyStats {
    let dst = dir.path().join("dst");
    std::fs::create_dir(&dst).unwrap();
    copy_tree(fd(&dir.path().join("src")).as_fd(), fd(&dst).as_fd(), &CopyOptions { threads, durable: true }).unwrap()
}

/// Everything that must be equal, by path.
fn picture(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |path: &Path, rel: &Path| {
        let m = path.symlink_metadata().unwrap();
        let content = if m.is_file() { crc(&std::fs::read(path).unwrap()) } else { 0 };
        let target = if m.is_symlink() { std::fs::read_link(path).unwrap() } else { PathBuf::new() };
        let size = if m.is_dir() { 0 } else { m.size() };
        let nlink = if m.is_dir() { 0 } else { m.nlink() };
        lines.push(format!(
            "{} {:o} {}:{} {size} {nlink} {:x} {} m{}.{} @{}.{} {}",
            rel.display(),
            m.mode(),
            m.uid(),
            m.gid(),
            content,
            target.display(),
            m.mtime(),
            m.mtime_nsec(),
            m.atime(),
            m.atime_nsec(),
            m.rdev()
        ));
    };
    add(root, Path::new("."));
    walk_all(root, root, &mut add);
    lines.sort();
    lines
}

fn walk_all(root: &Path, dir: &Path, add: &mut impl FnMut(&Path, &Path)) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            walk_all(root, &path, add);
        }
        add(&path, path.strip_prefix(root).unwrap());
    }
}

fn crc(data: &[u8]) -> u64 {
    data.iter().fold(14_695_981_039_346_656_037, |h, b| (h ^ u64::from(*b)).wrapping_mul(1_099_511_628_211))
}

fn age(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000 + seconds, 123_456_789);
    fd(path).set_times(std::fs::FileTimes::new().set_accessed(time).set_modified(time)).unwrap();
}

#[test]
fn everything_about_a_tree_is_copied() {
    let dir = TestDir::new();
    let src = dir.path().join("src");
    std::fs::create_dir_all(src.join("a/b")).unwrap();
    write(&src.join("a/file"), b"hello");
    write(&src.join("a/empty"), b"");
    write(&src.join("a/b/big"), &vec![7u8; 1_000_000]);
    std::fs::hard_link(src.join("a/file"), src.join("a/b/other-name")).unwrap();
    std::fs::hard_link(src.join("a/file"), src.join("third")).unwrap();
    symlink("../../../etc/passwd", src.join("a/link")).unwrap();
    symlink("nowhere", src.join("dangling")).unwrap();
    let at = fd(&src);
    fs::mknodat(&at, "pipe", FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    fs::mknodat(&at, "sock", FileType::Socket, Mode::from_raw_mode(0o755), 0).unwrap();
    fs::mknodat(&at, "null", FileType::CharacterDevice, Mode::from_raw_mode(0o666), fs::makedev(1, 3)).unwrap();
    std::os::unix::fs::chown(src.join("a/b/big"), Some(1000), Some(2000)).unwrap();
    std::os::unix::fs::lchown(src.join("a/link"), Some(12), Some(13)).unwrap();
    std::os::unix::fs::chown(src.join("a/b"), Some(5), Some(6)).unwrap();
    for (path, mode) in [("a/b/big", 0o6755), ("a/b", 0o3775), ("a", 0o500), ("a/empty", 0o000), ("", 0o1777)] {
        fs::chmodat(&at, if path.is_empty() { "." } else { path }, Mode::from_raw_mode(mode), AtFlags::empty()).unwrap();
    }
    for (n, path) in ["a/file", "a/b/big", "a/b", "a", ""].into_iter().enumerate() {
        age(&src.join(path), u64::try_from(n).unwrap());
    }
    let before = picture(&src);
    let stats = copy(&dir, 0);
    // The picture of the source itself reads its files; compare with what it was.
    let after = picture(&dir.path().join("dst"));
    assert_eq!(without_read_times(&before), without_read_times(&after));
    assert_eq!((stats.files, stats.directories, stats.bytes), (10, 2, 1_000_005));
    assert!(dir.path().join("dst/pipe").symlink_metadata().unwrap().file_type().is_fifo());
    let inode = |p: &str| dir.path().join("dst").join(p).metadata().unwrap().ino();
    assert_eq!(inode("a/file"), inode("third"));
    assert_eq!(inode("a/file"), inode("a/b/other-name"));
}

/// Reading a tree to compare it may move access times forward (relatime), on either side.
fn without_read_times(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .map(|l| {
            let (a, b) = l.split_once(" @").unwrap();
            format!("{a} {}", b.split_once(' ').unwrap().1)
        })
        .collect()
}

#[test]
fn holes_stay_holes() {
    let dir = TestDir::new();
    let src = dir.path().join("src");
    std::fs::create_dir(&src).unwrap();
    let file = File::create(src.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 50 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[1; 300_000], 80 << 20).unwrap();
    file.set_len(100 << 20).unwrap();
    File::create(src.join("only-hole")).unwrap().set_len(1 << 30).unwrap();
    file.sync_all().unwrap();
    copy(&dir, 2);
    let copied = dir.path().join("dst/sparse");
    assert_eq!(copied.metadata().unwrap().len(), 100 << 20);
    assert!(copied.metadata().unwrap().blocks() * 512 < 2 << 20);
    assert_eq!(crc(&std::fs::read(&copied).unwrap()), crc(&std::fs::read(src.join("sparse")).unwrap()));
    assert_eq!(dir.path().join("dst/only-hole").metadata().unwrap().len(), 1 << 30);
}

#[test]
fn attributes_acls_and_capabilities_follow() {
    let dir = TestDir::new();
    let src = dir.path().join("src");
    std::fs::create_dir_all(src.join("d")).unwrap();
    write(&src.join("d/before-the-default-acl"), b"x");
    let set =
        |path: &str, name: &std::ffi::CStr, value: &[u8]| fs::lsetxattr(src.join(path), name, value, fs::XattrFlags::empty()).unwrap();
    // version 2; user::rwx user:1000:r-- group::r-- mask::rw- other::---
    let acl: Vec<u8> = [
        2u32.to_le_bytes().to_vec(),
        entry(1, 7, u32::MAX),
        entry(2, 4, 1000),
        entry(4, 4, u32::MAX),
        entry(16, 6, u32::MAX),
        entry(32, 0, u32::MAX),
    ]
    .concat();
    write(&src.join("prog"), b"elf");
    std::os::unix::fs::chown(src.join("prog"), Some(33), Some(33)).unwrap();
    let capability = [1u8, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    set("prog", c"security.capability", &capability);
    set("prog", c"user.note", b"kept");
    set("d/before-the-default-acl", c"system.posix_acl_access", &acl);
    set("d", c"system.posix_acl_default", &acl);
    set("d", c"trusted.overlay.opaque", b"y");
    set("", c"user.root", b"also");
    write(&src.join("d/after"), b"y");
    let without: u32 =
        fs::lgetxattr(src.join("d/after"), c"system.posix_acl_access", &mut [0u8; 256][..]).map_or(0, |n| u32::try_from(n).unwrap());
    copy(&dir, 0);
    let get = |path: &str, name: &std::ffi::CStr| {
        let mut buffer = [0u8; 256];
        fs::lgetxattr(dir.path().join("dst").join(path), name, &mut buffer[..]).map(|n| buffer[..n].to_vec())
    };
    assert_eq!(get("prog", c"security.capability").unwrap(), capability);
    assert_eq!(get("prog", c"user.note").unwrap(), b"kept");
    assert_eq!(get("", c"user.root").unwrap(), b"also");
    assert_eq!(get("d/before-the-default-acl", c"system.posix_acl_access").unwrap(), acl);
    assert_eq!(get("d", c"system.posix_acl_default").unwrap(), acl);
    assert_eq!(get("d", c"trusted.overlay.opaque"), Err(rustix::io::Errno::NODATA));
    assert_eq!(u32::try_from(get("d/after", c"system.posix_acl_access").map_or(0, |v| v.len())).unwrap(), without);
}

fn entry(tag: u16, perm: u16, id: u32) -> Vec<u8> {
    [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
}

#[test]
fn many_files_in_one_directory_and_many_directories() {
    let dir = TestDir::new();
    let src = dir.path().join("src");
    for d in 0..40 {
        std::fs::create_dir_all(src.join(format!("d{d}/x/y"))).unwrap();
        write(&src.join(format!("d{d}/x/y/f")), format!("{d}").as_bytes());
    }
    for f in 0..3000 {
        write(&src.join(format!("f{f}")), &vec![u8::try_from(f % 251).unwrap(); f]);
    }
    let stats = copy(&dir, 4);
    assert_eq!((stats.files, stats.directories), (3040, 120));
    assert_eq!(without_read_times(&picture(&src)), without_read_times(&picture(&dir.path().join("dst"))));
}

#[test]
fn mounts_of_the_source_are_not_entered_and_the_failure_has_a_path() {
    let dir = TestDir::new();
    let point = dir.path().join("src/inner");
    std::fs::create_dir_all(&point).unwrap();
    std::fs::create_dir(dir.path().join("secret")).unwrap();
    std::fs::create_dir(dir.path().join("dst")).unwrap();
    write(&dir.path().join("secret/key"), b"k");
    rustix::mount::mount_bind(dir.path().join("secret"), &point).unwrap();
    let result = copy_tree(fd(&dir.path().join("src")).as_fd(), fd(&dir.path().join("dst")).as_fd(), &CopyOptions::default());
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::DETACH).unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.path, Path::new("inner"));
    assert!(!dir.path().join("dst/inner/key").exists());
}

#[test]
fn a_full_disk_is_one_clear_error() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::create_dir(dir.path().join("dst")).unwrap();
    for f in 0..50 {
        write(&dir.path().join(format!("src/f{f}")), &[1; 100_000]);
    }
    let at = dir.path().join("dst");
    rustix::mount::mount("tmpfs", &at, "tmpfs", rustix::mount::MountFlags::empty(), Some(c"size=1m")).unwrap();
    let result = copy_tree(fd(&dir.path().join("src")).as_fd(), fd(&at).as_fd(), &CopyOptions::default());
    rustix::mount::unmount(&at, rustix::mount::UnmountFlags::DETACH).unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.io_kind(), std::io::ErrorKind::StorageFull);
    assert!(error.path.to_string_lossy().starts_with('f'), "{error}");
}
