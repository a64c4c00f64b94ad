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
