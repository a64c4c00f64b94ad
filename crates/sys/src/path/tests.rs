//! Lookups against hostile trees.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/stead-path-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("root")).unwrap();
        Self(path)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _removed = std::process::id();
        #[expect(clippy::disallowed_methods, reason = "a test's own tree without mounts")]
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn in_root_keeps_absolute_and_parent_links_inside() {
    let tree = Tree::new("inroot");
    fs::create_dir(tree.root().join("etc")).unwrap();
    File::create(tree.root().join("etc/passwd")).unwrap();
    symlink("/etc/passwd", tree.root().join("abs")).unwrap();
    symlink("../../../../etc/passwd", tree.root().join("up")).unwrap();
    let root = open_root(&tree.root()).unwrap();
    for name in ["abs", "up", "../../etc/passwd", "/etc/passwd"] {
        let fd = open_in_root(root.as_fd(), Path::new(name), OFlags::PATH, Mode::empty()).unwrap();
        assert_eq!(fd_path(fd.as_fd()).unwrap(), tree.root().join("etc/passwd"), "{name}");
    }
}

#[test]
fn beneath_refuses_links_and_parents() {
    let tree = Tree::new("beneath");
    symlink("/", tree.root().join("link")).unwrap();
    let root = open_root(&tree.root()).unwrap();
    for name in ["link", "link/etc", "..", "../root"] {
        assert!(open_beneath(root.as_fd(), Path::new(name), OFlags::PATH, Mode::empty()).is_err(), "{name}");
    }
}

#[test]
fn mkdir_all_follows_dangling_links_inside_the_root() {
    let tree = Tree::new("mkdir");
    let outside = tree.0.join("outside");
    symlink("/run", tree.root().join("var-run")).unwrap();
    symlink(&outside, tree.root().join("host")).unwrap();
    let root = open_root(&tree.root()).unwrap();
    let fd = mkdir_all_in_root(root.as_fd(), Path::new("/var-run/a/b"), Mode::from_raw_mode(0o755)).unwrap();
    assert_eq!(fd_path(fd.as_fd()).unwrap(), tree.root().join("run/a/b"));
    mkdir_all_in_root(root.as_fd(), Path::new("host/x"), Mode::from_raw_mode(0o755)).unwrap();
    assert!(!outside.exists(), "the link's target must be looked up inside the root");
    assert!(tree.root().join(relative(&outside)).join("x").is_dir());
}

#[test]
fn mkdir_all_gives_up_on_link_loops_and_files() {
    let tree = Tree::new("loop");
    symlink("b", tree.root().join("a")).unwrap();
    symlink("a", tree.root().join("b")).unwrap();
    File::create(tree.root().join("file")).unwrap();
    let root = open_root(&tree.root()).unwrap();
    assert!(mkdir_all_in_root(root.as_fd(), Path::new("a/x"), Mode::from_raw_mode(0o755)).is_err());
    assert!(mkdir_all_in_root(root.as_fd(), Path::new("file/x"), Mode::from_raw_mode(0o755)).is_err());
}

#[test]
fn small_files_are_read_and_strange_ones_are_not() {
    let tree = Tree::new("read");
    let root = open_root(&tree.root()).unwrap();
    let read = |name: &str, limit| read_regular_in_root(root.as_fd(), Path::new(name), limit);
    #[expect(clippy::disallowed_methods, reason = "test data")]
    fs::write(tree.root().join("small"), "abc").unwrap();
    rustix::fs::mknodat(CWD, tree.root().join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    symlink("/dev/zero", tree.root().join("zero")).unwrap();
    assert_eq!(read("small", 3).unwrap().unwrap(), b"abc");
    assert_eq!(read("small", 2).unwrap_err().errno(), Some(Errno::FBIG.raw_os_error()));
    assert_eq!(read("fifo", 10).unwrap(), None);
    assert_eq!(read("zero", 10).unwrap(), None);
    assert_eq!(read("missing", 10).unwrap(), None);
}
