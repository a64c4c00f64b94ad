//! SIGKILL at the system calls of a snapshot by copying and of the collection of its objects: what is there is whole, and nothing is lost for good.

use super::crash::kill_at_each;
use super::*;
use std::sync::atomic::AtomicU64;

const CALLS: [(&str, u32); 8] = [
    ("openat,openat2", 7),
    ("renameat,renameat2,rename", 1),
    ("unlink,unlinkat", 2),
    ("linkat", 2),
    ("write,pwrite64", 5),
    ("fsync,fdatasync,syncfs", 1),
    ("mkdir,mkdirat", 1),
    ("flock", 1),
];

fn snapshot(v: &Volumes, name: &str) -> Snapshot {
    let wanted = SnapshotRequest { volume: "data".to_owned(), name: Some(name.to_owned()), ..SnapshotRequest::default() };
    v.snapshot_begin(&wanted).unwrap().publish().unwrap()
}

fn content(s: &Sandbox, round: u32) {
    for n in 0..9 {
        write(&s.data("data", &format!("d/same{n}")), format!("same {n}").as_bytes());
    }
    // Equal files, so that there are twins.
    write(&s.data("data", "twin1"), b"twin");
    write(&s.data("data", "twin2"), b"twin");
    write(&s.data("data", "changes"), format!("round {round}").as_bytes());
}

fn prepare(s: &Sandbox) {
    let v = s.volumes();
    v.create(named("data")).unwrap();
    content(s, 1);
    snapshot(&v, "a");
    write(&s.data("data", "changes"), b"round 2");
}

fn objects(s: &Sandbox) -> Vec<String> {
    let store = s.root().volumes().join(".objects");
    names(&store).into_iter().filter(|shard| shard.len() == 2).flat_map(|shard| names(&store.join(shard))).collect()
}

/// Every snapshot that is there is sound, and every object that a snapshot needs is there.
fn sound(s: &Sandbox) -> Vec<String> {
    let v = s.volumes();
    let all: Vec<String> = v.snapshot_list("data").unwrap().into_iter().map(|one| one.name).collect();
    for name in &all {
        let found = v.scrub("data", name, false, &AtomicU64::new(0)).unwrap();
        assert_eq!((found.damage, found.recorded), (Vec::new(), false), "{name}");
        let round = if name == "a" { "round 1" } else { "round 2" };
        assert_eq!(std::fs::read_to_string(v.snapshot_path("data", name).join("changes")).unwrap(), round);
    }
    all
}

/// After all, nothing stays that no snapshot has.
fn nothing_left(s: &Sandbox) {
    let v = s.volumes();
    v.repair().unwrap();
    sweep(&s.root()).unwrap();
    let wanted: usize = if v.snapshot_list("data").unwrap().len() == 2 { 13 } else { 12 };
    assert_eq!(objects(s).len(), wanted, "{:?}", objects(s));
    assert!(names(&s.root().volumes().join(".objects/.new")).is_empty());
    assert!(trash::is_empty(&s.root().volumes()).unwrap());
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_snapshot() {
    snapshot(&Sandbox::of_parent().volumes(), "b");
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_sweep() {
    let s = Sandbox::of_parent();
    s.volumes().snapshot_remove("data", "a").unwrap();
    sweep(&s.root()).unwrap();
}

/// Whether snapshots are by copying here.
fn copies() -> bool {
    let s = Sandbox::new();
    s.volumes().create(named("data")).unwrap();
    let method = s.volumes().snapshot_method("data").unwrap();
    method == Method::Shared
}

#[test]
fn a_kill_at_any_call_of_a_snapshot_leaves_it_whole_or_nothing_of_it() {
    assert!(copies(), "this test wants a file system without clones below /var/tmp");
    let mut deaths = 0;
    for (calls, step) in CALLS {
        deaths += kill_at_each(calls, step, "tests::collecting::victim_snapshot", prepare, |s| {
            let there = sound(s);
            assert!(there == ["a"] || there == ["a", "b"], "{there:?}");
            if there == ["a"] {
                snapshot(&s.volumes(), "b");
                assert_eq!(sound(s), ["a", "b"]);
            }
            nothing_left(s);
        });
    }
    assert!(deaths > 25, "the kills must really have hit: {deaths}");
}

#[test]
fn a_kill_at_any_call_of_a_collection_takes_nothing_that_is_used_and_the_next_goes_on() {
    assert!(copies(), "this test wants a file system without clones below /var/tmp");
    let two = |s: &Sandbox| {
        prepare(s);
        snapshot(&s.volumes(), "b");
    };
    let mut deaths = 0;
    for (calls, step) in CALLS {
        deaths += kill_at_each(calls, step, "tests::collecting::victim_sweep", two, |s| {
            let there = sound(s);
            assert!(there == ["b"] || there == ["a", "b"], "{there:?}");
            nothing_left(s);
        });
    }
    assert!(deaths > 15, "the kills must really have hit: {deaths}");
}
