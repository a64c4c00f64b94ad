//! Tests of mounting by descriptor, each on a thread with a mount namespace of its own. Root only.

use std::fs;

use super::*;
use crate::mountinfo;
use crate::testdir::TestDir;

fn in_namespace(test: impl FnOnce(&Path) + Send + 'static) {
    let dir = TestDir::new();
    let path = dir.path().to_path_buf();
    let done = std::thread::spawn(move || {
        unshare_mounts().unwrap();
        test(&path);
    })
    .join();
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

fn memory() -> OwnedFd {
    new_filesystem("tmpfs", &[Param::Text("source", "test"), Param::Text("size", "1m")], Flags::empty()).unwrap()
}

#[test]
fn a_detached_mount_is_attached_and_undone_by_its_id() {
    in_namespace(|dir| {
        let tree = memory();
        set_root_mode(&tree, 0o750, dir).unwrap();
        attach(&tree, dir_handle(dir).unwrap(), dir).unwrap();
        let id = mount_id(&tree, dir).unwrap();
        assert_eq!(mount_id_at(dir).unwrap(), id);
        assert_eq!(shape(handle(dir).unwrap(), dir).unwrap().mode, 0o750);
        let entry = mountinfo::read().unwrap().into_iter().find(|entry| entry.id == id).unwrap();
        assert_eq!((entry.mount_point.as_path(), entry.source.to_str()), (dir, Some("test")));
        assert_eq!(unmount_at(dir, id + 1).unwrap_err().errno(), Some(Errno::STALE.raw_os_error()));
        drop(tree);
        unmount_at(dir, id).unwrap();
        assert_ne!(mount_id_at(dir).unwrap(), id);
    });
}

#[test]
fn attributes_change_for_one_mount_or_all() {
    in_namespace(|dir| {
        attach(memory(), dir_handle(dir).unwrap(), dir).unwrap();
        let below = dir.join("below");
        fs::create_dir(&below).unwrap();
        attach(memory(), dir_handle(&below).unwrap(), &below).unwrap();
        let root = handle(dir).unwrap();
        let writable = |at: &Path| fs::File::create(at.join("x")).is_ok();
        let read_only = Change { set: Flags::MOUNT_ATTR_RDONLY, ..Change::default() };
        set_attr(&root, Depth::Top, read_only, dir).unwrap();
        assert_eq!((writable(dir), writable(&below)), (false, true));
        set_attr(&root, Depth::Tree, read_only, dir).unwrap();
        assert_eq!((writable(dir), writable(&below)), (false, false));
        set_attr(&root, Depth::Tree, Change { clear: Flags::MOUNT_ATTR_RDONLY, ..Change::default() }, dir).unwrap();
        assert_eq!((writable(dir), writable(&below)), (true, true));
        let noatime = Change { set: Flags::MOUNT_ATTR_NOATIME, ..Change::default() };
        set_attr(&root, Depth::Top, noatime, dir).unwrap();
    });
}

#[test]
fn lookups_stay_beneath_or_inside() {
    in_namespace(|dir| {
        fs::create_dir(dir.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.join("in/abs")).unwrap();
        std::os::unix::fs::symlink("..", dir.join("in/up")).unwrap();
        let root = dir_handle(&dir.join("in")).unwrap();
        for escape in ["abs", "up", "..", "/etc"] {
            assert_eq!(handle_beneath(&root, Path::new(escape)).unwrap_err().errno(), Some(Errno::XDEV.raw_os_error()), "{escape}");
        }
        let same = shape(handle_in_root(&root, Path::new("/up/../..")).unwrap(), dir).unwrap().identity;
        assert_eq!(same, shape(&root, dir).unwrap().identity);
        assert!(handle_in_root(&root, Path::new("/abs")).is_err(), "/etc of the root does not exist");
    });
}

#[test]
fn places_are_made_inside_the_root_only() {
    in_namespace(|dir| {
        let inside = dir.join("in");
        fs::create_dir(&inside).unwrap();
        std::os::unix::fs::symlink("/../../run", inside.join("link")).unwrap();
        fs::File::create(inside.join("file")).unwrap();
        let root = dir_handle(&inside).unwrap();
        place_in_root(&root, Path::new("/link/a/b"), Wanted::Directory).unwrap();
        assert!(inside.join("run/a/b").is_dir());
        place_in_root(&root, Path::new("x/y"), Wanted::File).unwrap();
        assert!(inside.join("x/y").is_file());
        let root_itself = place_in_root(&root, Path::new("/.."), Wanted::Directory).unwrap();
        assert_eq!(shape(root_itself, dir).unwrap().identity, shape(&root, dir).unwrap().identity);
        let error = place_in_root(&root, Path::new("file/x"), Wanted::Directory).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NOTDIR.raw_os_error()));
        assert!(place_in_root(&root, Path::new(""), Wanted::Directory).is_err());
        assert_eq!(fs::read_dir(dir).unwrap().count(), 1);
    });
}

#[test]
fn what_the_kernel_says_about_a_parameter_is_told() {
    in_namespace(|_dir| {
        let error = new_filesystem("tmpfs", &[Param::Text("size", "x")], Flags::empty()).unwrap_err();
        assert!(error.to_string().contains("tmpfs (") && error.to_string().contains("size"), "{error}");
        assert!(new_filesystem("nosuchfs", &[], Flags::empty()).is_err());
    });
}

#[test]
fn a_detached_mount_can_be_taken_away_by_its_handle() {
    in_namespace(|dir| {
        let before = mount_id_at(dir).unwrap();
        let tree = memory();
        attach(&tree, dir_handle(dir).unwrap(), dir).unwrap();
        assert_ne!(mount_id_at(dir).unwrap(), before);
        detach(&tree, dir).unwrap();
        assert_eq!(mount_id_at(dir).unwrap(), before);
    });
}
