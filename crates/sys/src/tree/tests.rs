//! What the walk must never do, shown on real trees.

use super::*;
use crate::testdir::TestDir;
use std::fs::File;

fn dir_fd(path: &Path) -> File {
    File::open(path).unwrap()
}

#[test]
fn a_tree_goes_and_what_its_links_point_to_stays() {
    let dir = TestDir::new();
    let root = dir.path();
    std::fs::create_dir_all(root.join("t/a/b")).unwrap();
    std::fs::create_dir(root.join("canary")).unwrap();
    File::create(root.join("canary/f")).unwrap();
    File::create(root.join("t/a/b/f")).unwrap();
    std::os::unix::fs::symlink(root.join("canary"), root.join("t/a/link")).unwrap();
    remove_tree(dir_fd(root), OsStr::new("t")).unwrap();
    assert!(!root.join("t").exists());
    assert!(root.join("canary/f").exists());
    remove_tree(dir_fd(root), OsStr::new("t")).unwrap();
}

#[test]
fn dangerous_names_are_refused() {
    let dir = TestDir::new();
    File::create(dir.path().join("keep")).unwrap();
    for name in ["", ".", "..", "/", "//", "a/b", "../x", "keep/"] {
        let error = remove_tree(dir_fd(dir.path()), OsStr::new(name)).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::INVAL.raw_os_error()), "{name:?}");
    }
    assert!(dir.path().join("keep").exists());
}

#[test]
fn a_symlink_is_removed_itself() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path().join("target")).unwrap();
    std::os::unix::fs::symlink("target", dir.path().join("l")).unwrap();
    remove_tree(dir_fd(dir.path()), OsStr::new("l")).unwrap();
    assert!(dir.path().join("target").exists());
    assert!(dir.path().join("l").symlink_metadata().is_err());
}

#[test]
fn a_very_deep_tree_needs_few_descriptors() {
    let dir = TestDir::new();
    let mut here = dir_fd(dir.path());
    fs::mkdirat(&here, "t", Mode::RWXU).unwrap();
    here = File::from(open_dir(&here, c"t").unwrap());
    for _ in 0..3000 {
        fs::mkdirat(&here, "dddd", Mode::RWXU).unwrap();
        here = File::from(open_dir(&here, c"dddd").unwrap());
    }
    drop(fs::openat(&here, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap());
    drop(here);
    let mut count = 0;
    walk(dir_fd(dir.path()), &mut |_| {
        count += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 3002);
    remove_tree(dir_fd(dir.path()), OsStr::new("t")).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_mount_below_stops_the_removal_there() {
    let dir = TestDir::new();
    let point = dir.path().join("t/m");
    std::fs::create_dir_all(&point).unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    File::create(dir.path().join("src/precious")).unwrap();
    File::create(dir.path().join("t/other")).unwrap();
    rustix::mount::mount_bind(dir.path().join("src"), &point).unwrap();
    let error = remove_tree(dir_fd(dir.path()), OsStr::new("t")).unwrap_err();
    let through = remove_tree(dir_fd(&dir.path().join("t")), OsStr::new("m"));
    let (usage, _) = disk_usage(&dir.path().join("t")).unwrap();
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(error.errno(), Some(Errno::XDEV.raw_os_error()));
    assert!(through.is_err());
    assert!(usage < 64 * 1024);
    assert!(dir.path().join("src/precious").exists());
}

#[test]
fn sizes_count_hard_links_once_and_holes_not_at_all() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path().join("s")).unwrap();
    let file = File::create(dir.path().join("a")).unwrap();
    file.set_len(10 << 20).unwrap();
    std::fs::hard_link(dir.path().join("a"), dir.path().join("s/b")).unwrap();
    let (bytes, files) = disk_usage(dir.path()).unwrap();
    assert!(bytes < 1 << 20, "{bytes}");
    assert_eq!(files, 4);
    assert_eq!(apparent_size(dir.path()).unwrap(), 10 << 20);
    sync_tree(dir_fd(dir.path())).unwrap();
}
