//! Where volumes lie and what keeps them to their size: in files of their own, in the pool, and under quotas.

use std::io::Write as _;

use super::*;

/// Bytes that were written before the file was refused more, up to `most`.
fn fill(path: &Path, most: usize) -> usize {
    let mut file = File::create(path).unwrap();
    let chunk = vec![7; 1 << 20];
    let mut written = 0;
    while written < most {
        match file.write(&chunk).and_then(|n| file.sync_data().map(|()| n)) {
            Ok(n) => written += n,
            Err(_) => break,
        }
    }
    written
}

fn sized(v: &Volumes, name: &str, options: &[(&str, &str)]) -> Volume {
    v.create(CreateRequest { options: map(options), ..named(name) }).unwrap().volume
}

fn loops_of(s: &Sandbox) -> usize {
    std::fs::read_dir("/sys/block")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("loop/backing_file")).ok())
        .filter(|file| file.starts_with(s.0.to_str().unwrap()))
        .count()
}

/// A device of ours goes with its last user, which the kernel may do a moment later.
fn no_loop_is_left(s: &Sandbox) {
    let gone = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        loops_of(s) == 0
    });
    assert!(gone, "a loop device stayed");
}

#[test]
fn a_size_is_held_by_a_file_system_of_its_own_and_grows_while_it_is_used() {
    for fs in ["ext4", "xfs"] {
        let s = Sandbox::new();
        let v = s.volumes();
        let (small, large) = if fs == "xfs" { ("320m", 400_u64 << 20) } else { ("24m", 48 << 20) };
        let volume = sized(&v, "data", &[("size", small), ("fs", fs)]);
        assert_eq!((volume.place, volume.limits.size.unwrap() % (1 << 20)), (Place::Image, 0));
        let path = v.mount("data", "c1").unwrap();
        assert!(names(&path).is_empty(), "no lost+found that initdb would refuse: {:?}", names(&path));
        let first = fill(&path.join("big"), 500 << 20);
        let limit = volume.limits.size.unwrap();
        assert!(u64::try_from(first).unwrap() <= limit && first > 4 << 20, "{fs}: {first} of {limit}");
        let space = v.space("data").unwrap().unwrap();
        assert!(space.used > u64::try_from(first).unwrap() / 2 && space.limit <= limit, "{space:?}");

        let error = v.resize("data", Some(limit / 2)).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        // ext4 grows in use only with CAP_SYS_RESOURCE; without, it says so, and grows when nobody uses it.
        let path = match v.resize("data", Some(large)) {
            Ok(_) => path,
            Err(Error::CannotGrowInUse { .. }) if fs == "ext4" => {
                v.unmount("data", "c1").unwrap();
                v.resize("data", Some(large)).unwrap();
                v.mount("data", "c1").unwrap()
            }
            Err(other) => panic!("{other}"),
        };
        let second = fill(&path.join("more"), 500 << 20);
        assert!(second > 4 << 20, "{fs}: it grew in use, and only {second} more bytes went in");
        v.unmount("data", "c1").unwrap();
        assert!(names(&path).is_empty(), "unmounted");
        assert_eq!(v.get("data").unwrap().limits.size, Some(large));

        let path = v.mount("data", "c2").unwrap();
        assert_eq!(path.join("big").metadata().unwrap().len(), u64::try_from(first).unwrap());
        v.unmount("data", "c2").unwrap();
        no_loop_is_left(&s);
    }
}

#[test]
fn a_volume_of_its_own_file_system_is_snapshotted_cloned_and_rolled_back() {
    let s = Sandbox::new();
    let v = s.volumes();
    sized(&v, "data", &[("size", "32m")]);
    let path = v.mount("data", "c1").unwrap();
    write(&path.join("a/one"), b"first");
    let snapshot = v.snapshot_begin(&SnapshotRequest { volume: "data".to_owned(), name: Some("s".to_owned()), ..Default::default() });
    snapshot.unwrap().publish().unwrap();
    write(&path.join("a/one"), b"second");
    v.unmount("data", "c1").unwrap();

    let clone = CloneRequest { volume: "data".to_owned(), snapshot: Some("s".to_owned()), new: "copy".to_owned(), ..Default::default() };
    let copy = v.clone_volume(&clone, |_| true).unwrap();
    assert_eq!((copy.place, copy.limits.size), (Place::Image, Some(32 << 20)), "a clone is as limited as what it is of");
    let path = v.mount("copy", "c1").unwrap();
    assert_eq!(std::fs::read(path.join("a/one")).unwrap(), b"first");
    v.unmount("copy", "c1").unwrap();

    let before = v.rollback("data", "s", |_| Ok::<_, Error>(())).unwrap();
    let path = v.mount("data", "c1").unwrap();
    assert_eq!(std::fs::read(path.join("a/one")).unwrap(), b"first");
    v.unmount("data", "c1").unwrap();
    let kept = v.root.volume("data").join("snapshots").join(&before.name).join("_data/a/one");
    assert_eq!(std::fs::read(kept).unwrap(), b"second");
    no_loop_is_left(&s);
}

/// As a verb that was killed leaves it: its name in the ledger, its mount, and a lock that nobody holds.
fn killed_verb(v: &Volumes, s: &Sandbox, name: &str) {
    v.mount(name, "verb-killed").unwrap();
    write(&s.0.join("run/locks/verb-killed"), b"");
}

#[test]
fn what_a_killed_verb_held_is_free_for_the_next() {
    let s = Sandbox::new();
    let v = s.volumes();
    sized(&v, "data", &[("size", "24m")]);
    let taken = |name: &str| {
        let request = SnapshotRequest { volume: "data".to_owned(), name: Some(name.to_owned()), ..Default::default() };
        v.snapshot_begin(&request).unwrap().publish().unwrap();
    };
    taken("s");
    killed_verb(&v, &s, "data");
    v.rollback("data", "s", |_| Ok::<_, Error>(())).unwrap();
    killed_verb(&v, &s, "data");
    v.resize("data", Some(32 << 20)).unwrap();
    killed_verb(&v, &s, "data");
    v.rename("data", "other", |_, _| Ok::<_, Error>(())).unwrap();
    killed_verb(&v, &s, "other");
    // A living one, and a container, are in nobody's way of being seen.
    let held = v.hold("other").unwrap();
    assert!(matches!(v.remove("other", false).unwrap_err(), Error::Mounted { .. }));
    drop(held);
    v.mount("other", "0123456789ab").unwrap();
    assert!(matches!(v.remove("other", false).unwrap_err(), Error::Mounted { .. }), "a container's is not touched");
    v.repair().unwrap();
    assert!(names(&s.data("other", "")).is_empty() && loops_of(&s) == 1, "still mounted");
    v.unmount("other", "0123456789ab").unwrap();
    v.remove("other", false).unwrap();
    no_loop_is_left(&s);
}

#[test]
fn an_image_that_a_killed_verb_was_filling_is_swept() {
    let s = Sandbox::new();
    let v = s.volumes();
    let volume = sized(&v, "data", &[("size", "24m")]);
    let stage = staging::Staging::new(&s.root().volumes(), &v.run_root).unwrap();
    let filling = v.begin_image(stage.path(), &volume).unwrap().unwrap();
    write(&stage.path().join("_data/f"), b"x");
    assert!(v.repair().unwrap().is_empty(), "it is at work");
    assert_eq!(std::fs::read(stage.path().join("_data/f")).unwrap(), b"x", "and keeps its mount");
    // Killed: the locks go, the mount and the directory stay.
    let lock = names(&s.0.join("run/locks")).into_iter().find(|name| name.starts_with("verb-")).unwrap();
    std::fs::remove_file(s.0.join("run/locks").join(&lock)).unwrap();
    std::mem::forget(filling);
    stage.leave();
    let found = v.repair().unwrap();
    assert!(found.iter().all(|finding| finding.repaired) && !found.is_empty(), "{found:?}");
    v.sweep().unwrap();
    no_loop_is_left(&s);
    assert!(names(&s.root().volumes().join(".trash")).iter().all(|name| name.starts_with('.')), "nothing is stuck in the trash");
}

#[test]
fn new_content_is_imported_into_a_file_system_of_its_own() {
    for fs in [("ext4", "24m"), ("xfs", "320m")] {
        let s = Sandbox::new();
        let v = s.volumes();
        sized(&v, "data", &[("size", fs.1), ("fs", fs.0)]);
        let day = |days: i128| Removal { force: false, keep_nanos: [days * 86_400_000_000_000; 2], why: "test".to_owned() };
        let import = |text: &str, replace: bool| {
            let mut importing = v.import_begin("data", replace)?;
            let place = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(importing.data()));
            write(&Path::new(&place).join("f"), text.as_bytes());
            // One that is refused at the end can be tried again.
            importing.publish(&day(1), |_| Err(Error::NotFound { name: "refused".to_owned() })).unwrap_err();
            importing.publish(&day(1), |_| Ok::<_, Error>(()))
        };
        assert_eq!(import("one", false).unwrap().replaced, None);
        assert!(matches!(v.import_begin("data", false).unwrap_err(), Error::NotEmpty { .. }));
        let kept = import("two", true).unwrap().replaced.unwrap();
        let held = v.hold("data").unwrap();
        assert_eq!(std::fs::read(held.path().join("f")).unwrap(), b"two");
        assert!(matches!(import("three", true).unwrap_err(), Error::Mounted { .. }), "somebody has it mounted");
        drop(held);
        let old = v.removed().unwrap().into_iter().find(|one| one.id == kept).unwrap();
        v.undelete(&old.id, Some("old")).unwrap();
        let held = v.hold("old").unwrap();
        assert_eq!(std::fs::read(held.path().join("f")).unwrap(), b"one");
        drop(held);
        assert!(v.recover().unwrap().is_empty());
        no_loop_is_left(&s);
    }
}

#[test]
fn the_kernels_limit_is_put_right_and_a_killed_resize_finished() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.pool_create(Some(400 << 20), None, false).unwrap();
    sized(&v, "grouped", &[("pool", ""), ("size", "32m")]);
    sized(&v, "file", &[("size", "24m")]);
    assert!(v.recover().unwrap().is_empty());
    let data = File::open(v.path("grouped")).unwrap();
    let limit = || stead_sys::quota::usage(&data).map(|usage| usage.limit.unwrap());
    let only = |findings: Vec<Finding>, name: &str| match &findings[..] {
        [one] if one.subject == name => (one.problem.clone(), one.repaired),
        other => panic!("{name}: {other:?}"),
    };
    stead_sys::quota::limit(&data, Some(64 << 20), Path::new("x")).unwrap();
    assert_eq!(only(v.recover().unwrap(), "grouped"), ("it may hold 32MiB, and the kernel lets it hold 64MiB".to_owned(), false));
    assert_eq!(limit(), Some(64 << 20), "a look changes nothing");
    assert!(only(v.repair().unwrap(), "grouped").1);
    assert_eq!(limit(), Some(32 << 20));
    sh("btrfs", &["quota", "disable", s.root().pool_mount().to_str().unwrap()]);
    assert!(only(v.recover().unwrap(), "grouped").0.contains("nothing counts"));
    assert!(only(v.repair().unwrap(), "grouped").1);
    assert_eq!(limit(), Some(32 << 20), "the pool is ours, and counts again");
    assert!(v.recover().unwrap().is_empty());
    drop(data);

    // Killed between the file and the sidecar.
    let image = s.root().volume("file").join("image");
    File::options().write(true).open(&image).unwrap().set_len(40 << 20).unwrap();
    assert!(!only(v.recover().unwrap(), "file").1);
    assert!(only(v.repair().unwrap(), "file").1);
    assert_eq!(v.get("file").unwrap().limits.size, Some(40 << 20));
    let path = v.mount("file", "c1").unwrap();
    assert!(fill(&path.join("big"), 100 << 20) > 28 << 20, "its file system has grown");
    v.unmount("file", "c1").unwrap();
    for name in ["grouped", "file"] {
        v.remove(name, false).unwrap();
    }
    for kept in v.removed().unwrap() {
        v.forget(&kept).unwrap();
    }
    v.sweep().unwrap();
    v.pool_remove().unwrap();
    no_loop_is_left(&s);
}

#[test]
fn an_image_fills_a_volume_of_its_own_file_system() {
    let s = Sandbox::new();
    let v = s.volumes();
    write(&s.image("seed/file"), b"seed");
    sized(&v, "data", &[("size", "16m")]);
    assert!(matches!(s.populate(&v, "data", "/seed").unwrap(), Populated::Done(_)));
    assert_eq!(std::fs::read(v.path("data").join("file")).unwrap(), b"seed");
    v.unmount("data", "c1").unwrap();
    assert_eq!(s.populate(&v, "data", "/seed").unwrap(), Populated::Already);
    no_loop_is_left(&s);
}

#[test]
fn the_pool_holds_volumes_that_are_found_again_and_is_taken_away_when_it_is_empty() {
    let s = Sandbox::new();
    let v = s.volumes();
    let error = v.create(CreateRequest { options: map(&[("pool", "")]), ..named("data") }).unwrap_err();
    assert!(error.to_string().contains("pool"), "{error}");
    assert!(names(&s.root().volumes()).iter().all(|name| name.starts_with('.')), "nothing is left of what was refused");
    v.pool_create(Some(512 << 20), None, false).unwrap();
    assert_eq!(v.pool_create(Some(512 << 20), None, false).unwrap_err().kind(), Kind::Exists);
    let volume = sized(&v, "data", &[("pool", "true"), ("size", "64m")]);
    assert_eq!((volume.place, volume.limits.quota), (Place::Pool, Some(Quota::Qgroup)));
    let path = v.mount("data", "c1").unwrap();
    let written = fill(&path.join("big"), 200 << 20);
    assert!((32 << 20..=64 << 20).contains(&written), "the quota group holds it: {written}");
    assert_eq!(v.list().unwrap().len(), 1);
    v.resize("data", Some(128 << 20)).unwrap();
    assert!(fill(&path.join("more"), 200 << 20) > 32 << 20);
    let shrink = v.resize("data", Some(16 << 20)).unwrap_err();
    assert!(shrink.to_string().contains("it holds"), "{shrink}");

    // As after a reboot: nothing is mounted, and whoever looks mounts it.
    v.unmount("data", "c1").unwrap();
    stead_mount::activate::release(&v.run_root, pool::HOLDER, pool::HOLDER).unwrap();
    assert!(!s.root().pool_volumes().exists());
    assert_eq!(s.volumes().get("data").unwrap().uuid, volume.uuid);
    assert!(s.root().pool_volumes().is_dir());

    let grown = v.pool_grow(Some(600 << 20)).unwrap();
    let state = v.pool_state().unwrap();
    assert_eq!((grown.size, state.volumes.clone(), state.missing()), (600 << 20, vec!["data".to_owned()], 0));
    assert!(state.free > 100 << 20 && state.allocated.unwrap() < 600 << 20, "{state:?}");
    assert_eq!(v.pool_remove().unwrap_err().kind(), Kind::InUse);
    v.remove("data", false).unwrap();
    for kept in v.removed().unwrap() {
        v.forget(&kept).unwrap();
    }
    v.sweep().unwrap();
    v.pool_remove().unwrap();
    assert!(!s.root().pool_image().exists() && !s.root().pool_note().exists());
    no_loop_is_left(&s);
}

/// Every place a volume can have, on one file system of the host each.
#[test]
fn the_driver_keeps_every_rule_in_every_place() {
    use crate::driver::conformance::broken_rules;
    for fs in ["ext4", "xfs", "btrfs"] {
        let s = Sandbox::new();
        let (image, root) = (s.0.join("disk"), s.0.join("root"));
        File::create(&image).unwrap().set_len(1200 << 20).unwrap();
        sh(&format!("mkfs.{fs}"), &["-q", image.to_str().unwrap()]);
        sh("mount", &["-o", "loop", image.to_str().unwrap(), root.to_str().unwrap()]);
        let outcome = std::panic::catch_unwind(|| {
            let v = s.volumes();
            v.pool_create(Some(300 << 20), None, false).unwrap();
            let bind = s.0.join("bound").display().to_string();
            std::fs::create_dir_all(&bind).unwrap();
            let places: [&[(&str, &str)]; 8] = [
                &[],
                &[("size", "32m")],
                &[("size", "32m"), ("fs", "ext4")],
                &[("size", "320m"), ("fs", "xfs")],
                &[("pool", "")],
                &[("pool", ""), ("size", "32m")],
                &[("type", "tmpfs"), ("device", "tmpfs")],
                &[("type", "none"), ("o", "bind"), ("device", &bind)],
            ];
            for options in places {
                let volume = sized(&v, "data", options);
                let broken = broken_rules(&*v.driver(&volume).unwrap(), &volume);
                assert!(broken.is_empty(), "{fs} {options:?}: {broken:?}");
                v.remove("data", false).unwrap();
                v.sweep().unwrap();
            }
            v.pool_remove().unwrap();
        });
        sh("umount", &["-R", "-l", root.to_str().unwrap()]);
        outcome.unwrap();
        no_loop_is_left(&s);
    }
}

#[test]
fn the_size_of_a_removed_image_is_what_the_image_takes() {
    let s = Sandbox::new();
    let v = s.volumes();
    sized(&v, "data", &[("size", "24m"), ("fs", "ext4")]);
    let path = v.mount("data", "c1").unwrap();
    fill(&path.join("big"), 4 << 20);
    v.unmount("data", "c1").unwrap();
    v.remove_as("data", &Removal { keep_nanos: [3600 * 1_000_000_000; 2], ..Removal::default() }).unwrap();
    let size = v.removed().unwrap()[0].size().unwrap();
    assert!((4 << 20..=24 << 20).contains(&size), "{size}");
}

/// Whatever keeps the pool away, `volume ls` once refused to tell of the volumes that are not in it.
#[test]
fn a_pool_that_cannot_be_had_hides_no_other_volume_and_is_not_taken_for_empty() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.pool_create(Some(300 << 20), None, false).unwrap();
    sized(&v, "pooled", &[("pool", "true")]);
    sized(&v, "plain", &[]);
    stead_mount::activate::release(&v.run_root, pool::HOLDER, pool::HOLDER).unwrap();
    let image = s.root().pool_image();
    stead_sys::durable::rename(&image, &image.with_extension("away")).unwrap();
    let list = v.list().unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = list.into_iter().partition(Result::is_ok);
    assert_eq!(good.into_iter().map(|volume| volume.unwrap().name).collect::<Vec<_>>(), ["plain"]);
    assert!(bad[0].as_ref().unwrap_err().to_string().contains("pooled"), "{bad:?}");
    assert!(v.create(named("pooled")).is_err(), "no empty volume takes the place of one that cannot be seen");
    v.remove("plain", false).unwrap();
    assert!(v.get("plain").is_err());
    stead_sys::durable::rename(&image.with_extension("away"), &image).unwrap();
    assert_eq!(v.list().unwrap().into_iter().map(|volume| volume.unwrap().name).collect::<Vec<_>>(), ["pooled"]);
    stead_mount::activate::release(&v.run_root, pool::HOLDER, pool::HOLDER).unwrap();
    no_loop_is_left(&s);
}
