//! Copy-up: whole, once, never over anything.

use super::*;

fn fill(s: &Sandbox, files: usize) {
    for n in 0..files {
        write(&s.image(&format!("app/d{}/f{n}", n % 7)), format!("content {n}").as_bytes());
    }
    write(&s.image("app/top"), b"top");
    std::fs::set_permissions(s.image("app"), std::fs::Permissions::from_mode(0o1770)).unwrap();
    std::os::unix::fs::chown(s.image("app"), Some(999), Some(998)).unwrap();
}

fn count(path: &Path) -> usize {
    let mut n = 0;
    stead_sys::tree::walk(File::open(path).unwrap(), &mut |v| {
        n += usize::from(v.stat.st_mode & 0o170_000 == 0o100_000);
        Ok(())
    })
    .unwrap();
    n
}

#[test]
fn a_new_volume_gets_the_content_and_the_attributes_of_the_images_directory() {
    let s = Sandbox::new();
    let v = s.volumes();
    fill(&s, 50);
    v.create(named("data")).unwrap();
    let inode = s.data("data", "").metadata().unwrap().ino();
    let time = s.image("app").metadata().unwrap().mtime_nsec();
    let Populated::Done(stats) = s.populate(&v, "data", "/app").unwrap() else { panic!("not populated") };
    assert_eq!((stats.files, stats.directories), (51, 7));
    let root = s.data("data", "").metadata().unwrap();
    assert_eq!((root.mode() & 0o7777, root.uid(), root.gid(), root.mtime_nsec(), root.ino()), (0o1770, 999, 998, time, inode));
    assert_eq!(count(&s.data("data", "")), 51);
    assert_eq!(names(&s.root().volume("data")), ["_data", "volume.json"]);
    let volume = v.get("data").unwrap();
    assert_eq!((volume.state, volume.populated_from.as_deref()), (State::Ready, Some("image")));
    write(&s.image("app/later"), b"x");
    assert_eq!(s.populate(&v, "data", "/app").unwrap(), Populated::Already);
    assert!(!s.data("data", "later").exists());
}

/// EIO at that very open lost the whole content: the copy was dropped and the volume called populated.
#[test]
fn a_committed_copy_that_can_not_be_opened_is_not_taken_for_none() {
    let s = Sandbox::new();
    let v = s.volumes();
    fill(&s, 3);
    v.create(named("data")).unwrap();
    let incoming = s.root().volume("data").join(".stead-incoming");
    std::fs::create_dir(&incoming).unwrap();
    write(&incoming.join("tree"), b"not a directory");
    s.populate(&v, "data", "/app").unwrap_err();
    assert!(incoming.join("tree").exists());
    assert_eq!(v.get("data").unwrap().state, State::New);
    // The disk answers again.
    stead_sys::durable::remove_file(&incoming.join("tree")).unwrap();
    std::fs::create_dir(incoming.join("tree")).unwrap();
    write(&incoming.join("tree/f"), b"1");
    s.populate(&v, "data", "/app").unwrap();
    assert_eq!(names(&s.data("data", "")), ["f"]);
    assert_eq!(v.get("data").unwrap().state, State::Ready);
}

#[test]
fn content_is_never_touched_and_lost_and_found_is_none() {
    let s = Sandbox::new();
    let v = s.volumes();
    fill(&s, 3);
    v.create(named("mine")).unwrap();
    write(&s.data("mine", "top"), b"by hand");
    assert_eq!(s.populate(&v, "mine", "/app").unwrap(), Populated::NotEmpty);
    assert_eq!(std::fs::read(s.data("mine", "top")).unwrap(), b"by hand");
    assert_eq!(count(&s.data("mine", "")), 1);
    v.create(named("block")).unwrap();
    std::fs::create_dir(s.data("block", "lost+found")).unwrap();
    assert!(matches!(s.populate(&v, "block", "/app").unwrap(), Populated::Done(_)));
    assert!(s.data("block", "top").exists());
}

#[test]
fn what_is_no_directory_in_the_image_populates_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    write(&s.image("file"), b"x");
    v.create(named("data")).unwrap();
    for path in ["/missing", "/file", "/file/below", "relative/missing"] {
        assert_eq!(s.populate(&v, "data", path).unwrap(), Populated::NothingThere, "{path}");
    }
    assert_eq!(v.get("data").unwrap().state, State::New);
    std::fs::create_dir(s.image("empty")).unwrap();
    std::fs::set_permissions(s.image("empty"), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(s.populate(&v, "data", "/empty").unwrap(), Populated::Done(_)));
    assert_eq!(mode(&s.data("data", "")), 0o700);
}

#[test]
fn symlinks_of_the_image_stay_in_the_image() {
    let s = Sandbox::new();
    let v = s.volumes();
    let canary = s.0.join("canary");
    write(&canary.join("secret"), b"x");
    write(&s.image("real/inside"), b"x");
    std::os::unix::fs::symlink(&canary, s.image("absolute")).unwrap();
    std::os::unix::fs::symlink("../../../../canary", s.image("relative")).unwrap();
    std::os::unix::fs::symlink("/real", s.image("good")).unwrap();
    std::os::unix::fs::symlink("/proc/self/root", s.image("magic")).unwrap();
    for (n, link) in ["/absolute", "/relative", "/magic", "/../canary"].into_iter().enumerate() {
        let name = format!("v{n}");
        v.create(named(&name)).unwrap();
        assert_eq!(s.populate(&v, &name, link).unwrap(), Populated::NothingThere, "{link}");
        assert!(names(&s.data(&name, "")).is_empty());
    }
    v.create(named("good")).unwrap();
    assert!(matches!(s.populate(&v, "good", "/good").unwrap(), Populated::Done(_)));
    assert_eq!(names(&s.data("good", "")), ["inside"]);
}

#[test]
fn a_subpath_is_filled_where_it_exists_and_is_empty() {
    let s = Sandbox::new();
    let v = s.volumes();
    fill(&s, 4);
    v.create(named("data")).unwrap();
    let sub = |path: &str| s.populate_part(&v, "data", "/app", Some(path), When::Start);
    assert_eq!(sub("a/b").unwrap(), Populated::NoSubpath);
    assert!(!s.data("data", "a").exists());
    std::fs::create_dir_all(s.data("data", "a/b")).unwrap();
    std::os::unix::fs::symlink("/etc", s.data("data", "link")).unwrap();
    for bad in ["link", "a/../../..", "../..", "link/x"] {
        assert_eq!(sub(bad).unwrap(), Populated::NoSubpath, "{bad}");
    }
    assert!(matches!(sub("a/b").unwrap(), Populated::Done(_)));
    assert_eq!(count(&s.data("data", "a/b")), 5);
    assert_eq!(mode(&s.data("data", "a/b")), 0o1770);
    assert_eq!(mode(&s.data("data", "")), 0o755);
    assert_eq!(sub("a/b").unwrap(), Populated::NotEmpty);
}

#[test]
fn sixteen_processes_all_see_every_file() {
    let s = Sandbox::new();
    fill(&s, 1500);
    s.volumes().create(named("data")).unwrap();
    let children: Vec<Child> = (0..16).map(|_| s.child("tests::populating::child_populate", &[])).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[test]
#[ignore = "a child of sixteen_processes_all_see_every_file"]
fn child_populate() {
    let s = Sandbox::of_parent();
    s.populate(&s.volumes(), "data", "/app").unwrap();
    assert_eq!(count(&s.data("data", "")), 1501);
}

#[test]
fn a_full_disk_takes_everything_back_and_the_next_attempt_is_whole() {
    let s = Sandbox::new();
    write(&s.0.join("outside/app/big"), &vec![1; 6 << 20]);
    write(&s.0.join("outside/app/small"), b"x");
    let root = s.0.join("root");
    sh("mount", &["-t", "tmpfs", "-o", "size=8m", "tmpfs", root.to_str().unwrap()]);
    let outcome = std::panic::catch_unwind(|| {
        let v = s.volumes();
        v.create(named("data")).unwrap();
        let image = File::open(s.0.join("outside")).unwrap();
        let what =
            Populate { image: image.as_fd(), destination: Path::new("/app"), subpath: None, holder: "c", when: When::Create, from: "i" };
        write(&root.join("ballast"), &vec![1; 3 << 20]);
        let error = v.populate("data", &what).unwrap_err();
        assert_eq!(error.kind(), Kind::NoSpace, "{error}");
        assert!(error.to_string().contains("no space left on device: /app/big does not fit below "), "{error}");
        assert_eq!(v.get("data").unwrap().state, State::New);
        assert_eq!(names(&s.root().volume("data")), ["_data", "volume.json"]);
        assert!(names(&s.data("data", "")).is_empty());
        stead_sys::durable::remove_file(&root.join("ballast")).unwrap();
        assert!(matches!(v.populate("data", &what).unwrap(), Populated::Done(_)));
        assert_eq!(count(&s.data("data", "")), 2);
    });
    sh("umount", &["-l", root.to_str().unwrap()]);
    outcome.unwrap();
}
