//! A verb's hold: what it holds is there while it lives, and nothing of it stays.

use super::*;

#[test]
fn a_device_is_mounted_while_a_verb_holds_it() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")]);
    v.create(CreateRequest { options, ..named("memory") }).unwrap();
    let held = v.hold("memory").unwrap();
    write(&held.path().join("f"), b"x");
    let other = v.hold("memory").unwrap();
    assert!(matches!(v.remove("memory", true).unwrap_err(), Error::Mounted { .. }), "nobody removes it meanwhile");
    drop(held);
    assert_eq!(names(other.path()), ["f"], "two holds are two holders");
    other.still_there().unwrap();
    drop(other);
    assert!(names(&s.data("memory", "")).is_empty(), "unmounted with the last hold");
    assert!(names(&s.0.join("run/locks")).iter().all(|name| !name.starts_with("verb-")), "no lock stays");
    v.remove("memory", false).unwrap();
}

#[test]
fn a_snapshot_is_held_by_its_name() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    assert_eq!(v.hold("data@one").unwrap_err().to_string(), "get data@one: no such snapshot");
    write(&s.root().volume("data").join("snapshots/one/_data/f"), b"x");
    let held = v.hold("data@one").unwrap();
    assert_eq!((names(held.path()), held.snapshot()), (vec!["f".to_owned()], Some("one")));
    for bad in ["data@", "data@..", "data@one/../one", "data@one@two"] {
        assert!(matches!(v.hold(bad).unwrap_err(), Error::NoSnapshot { .. }), "{bad}");
    }
    assert!(matches!(v.hold("gone").unwrap_err(), Error::NotFound { .. }));
}

#[test]
fn what_was_removed_meanwhile_is_told() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let held = v.hold("data").unwrap();
    v.remove("data", false).unwrap();
    assert!(matches!(held.still_there().unwrap_err(), Error::Replaced { .. }));
    v.create(named("data")).unwrap();
    assert!(matches!(held.still_there().unwrap_err(), Error::Replaced { .. }), "another one of the same name");
}

#[test]
fn whether_a_verb_lives_is_known_by_its_lock() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let held = v.hold("data").unwrap();
    let holder = names(&s.0.join("run/locks")).into_iter().find(|name| name.starts_with("verb-")).unwrap();
    assert_eq!(v.verb_is_alive(&holder), Some(true));
    drop(held);
    assert_eq!(v.verb_is_alive(&holder), Some(false), "as after a kill: the lock is gone, the name may be in the ledger");
    write(&s.0.join("run/locks/verb-killed"), b"");
    let living = v.hold("data").unwrap();
    v.repair().unwrap();
    let locks = names(&s.0.join("run/locks")).into_iter().filter(|name| name.starts_with("verb-")).collect::<Vec<_>>();
    assert!(locks.len() == 1 && locks[0] != "verb-killed", "a repair forgets the dead and no other: {locks:?}");
    drop(living);
    assert_eq!(v.verb_is_alive("0123456789ab"), None, "a container is asked for elsewhere");
}

#[test]
fn no_content_is_exchanged_while_a_verb_writes() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let request = SnapshotRequest { volume: "data".to_owned(), name: Some("empty".to_owned()), ..SnapshotRequest::default() };
    v.snapshot_begin(&request).unwrap().publish().unwrap();
    let roll_back = || v.rollback("data", "empty", |_users| Ok::<_, Error>(()));
    let held = v.hold_to_write("data").unwrap();
    write(&held.path().join("f"), b"x");
    assert!(matches!(roll_back().unwrap_err(), Error::Writing { .. }));
    held.still_there().unwrap();
    assert_eq!(names(&s.data("data", "")), ["f"]);
    drop(held);
    let reader = v.hold("data").unwrap();
    let before = roll_back().unwrap();
    assert!(names(&s.data("data", "")).is_empty());
    assert!(v.snapshot_path("data", &before.name).join("f").exists(), "what was written is in the snapshot of before");
    assert!(matches!(reader.still_there().unwrap_err(), Error::Replaced { .. }));
}

#[test]
fn who_mounts_an_image_while_it_is_rolled_back_gets_the_volumes_own() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("size", "24m"), ("fs", "ext4")]);
    v.create(CreateRequest { options, ..named("data") }).unwrap();
    for n in 0..300 {
        let held = v.hold("data").unwrap();
        write(&held.path().join(format!("{n}")), b"x");
    }
    let request = SnapshotRequest { volume: "data".to_owned(), name: Some("full".to_owned()), ..SnapshotRequest::default() };
    v.snapshot_begin(&request).unwrap().publish().unwrap();
    let below = s.root().volume("data").metadata().unwrap().dev();
    let done = std::sync::atomic::AtomicBool::new(false);
    let mut wrong = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..4 {
                match v.rollback("data", "full", |_users| Ok::<_, Error>(())) {
                    Err(Error::Mounted { .. }) => {}
                    other => drop(other.unwrap()),
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let held = v.hold("data").unwrap();
            let device = held.path().metadata().unwrap().dev();
            wrong += usize::from(device == below);
            drop(held);
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
    });
    assert_eq!(wrong, 0, "the directory below the image was handed out");
}
