//! SIGKILL at every system call of a removal that can be undone, of the undoing, of a renaming, of emptying and of expiry.

use super::crash::{CALLS, kill_at_each};
use super::*;
use stead_base::time::Time;

const HOUR: i128 = 3600 * 1_000_000_000;

fn kept() -> Removal {
    Removal { keep_nanos: [HOUR, HOUR], why: "a test".to_owned(), ..Removal::default() }
}

fn tomorrow() -> Time {
    Time::from_nanos(Time::now().nanos() + 24 * HOUR)
}

fn filled(s: &Sandbox) {
    let v = s.volumes();
    v.create(CreateRequest { labels: map(&[("a", "1")]), ..named("data") }).unwrap();
    for n in 0..6 {
        write(&s.data("data", &format!("d{}/f{n}", n % 2)), format!("content {n}").as_bytes());
    }
    write(&s.root().volume("data").join("snapshots/monday/_data/f"), b"older");
    v.store.publish(|tx| tx.put(&User { id: "other".to_owned(), volumes: Vec::new() })).unwrap();
}

fn removed(s: &Sandbox) {
    filled(s);
    s.volumes().remove_as("data", &kept()).unwrap();
}

fn used(s: &Sandbox) {
    filled(s);
    s.volumes().store.publish(|tx| tx.put(&User { id: "cc".to_owned(), volumes: vec!["data".to_owned()] })).unwrap();
}

/// The volume under that name is all that it was.
fn whole(s: &Sandbox, name: &str) {
    let volume = s.volumes().get(name).unwrap();
    assert_eq!(volume.labels, map(&[("a", "1")]));
    for n in 0..6 {
        assert_eq!(std::fs::read(s.data(name, &format!("d{}/f{n}", n % 2))).unwrap(), format!("content {n}").as_bytes());
    }
    assert_eq!(std::fs::read(s.root().volume(name).join("snapshots/monday/_data/f")).unwrap(), b"older");
}

/// After whatever happened: a repair leaves nothing to do, and nothing of it is litter in a volume.
fn settled(s: &Sandbox) {
    let v = s.volumes();
    v.repair().unwrap();
    assert_eq!(v.recover().unwrap(), []);
    for volume in v.list().unwrap() {
        assert_eq!(names(&s.root().volume(&volume.unwrap().name)), ["_data", "snapshots", "volume.json"]);
    }
    v.sweep().unwrap();
    assert!(trash::is_empty(&s.root().volumes()).unwrap());
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_remove() {
    Sandbox::of_parent().volumes().remove_as("data", &kept()).unwrap();
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_undelete() {
    Sandbox::of_parent().volumes().undelete("data", None).unwrap();
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_rename() {
    let users = |tx: &stead_store::Tx<'_>, ids: &[String]| -> Result<()> {
        for id in ids {
            tx.put(&User { id: id.clone(), volumes: vec!["new".to_owned()] })?;
        }
        Ok(())
    };
    Sandbox::of_parent().volumes().rename("data", "new", users).unwrap();
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_empty() {
    let v = Sandbox::of_parent().volumes();
    let found = v.removed_as("data").unwrap().remove(0);
    v.forget(&found).unwrap();
    v.sweep().unwrap();
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_expire() {
    let v = Sandbox::of_parent().volumes();
    v.expire(tomorrow()).unwrap();
    v.sweep().unwrap();
}

/// Where the volume is: under its name, or among the removed ones; never nowhere, never twice.
fn somewhere(s: &Sandbox) -> bool {
    let v = s.volumes();
    let (is_there, kept) = (v.get("data").is_ok(), v.removed().unwrap().len());
    assert_eq!(usize::from(is_there) + kept, 1, "there: {is_there}, removed: {kept}");
    is_there
}

#[test]
fn a_kill_at_any_call_of_a_removal_or_its_undoing_loses_nothing() {
    let mut deaths = 0;
    for (victim, before) in [("victim_remove", &filled as &dyn Fn(&Sandbox)), ("victim_undelete", &removed)] {
        for (calls, step) in CALLS.iter().zip([1, 1, 5, 3, 1, 1, 1, 1, 1, 1, 2, 1]) {
            deaths += kill_at_each(calls, step, &format!("tests::undo_crash::{victim}"), before, |s| {
                if somewhere(s) {
                    whole(s, "data");
                }
                // Either way the next command gets to the other state and back.
                let v = s.volumes();
                if !somewhere(s) {
                    v.undelete("data", None).unwrap();
                }
                whole(s, "data");
                settled(s);
                whole(s, "data");
                v.remove_as("data", &kept()).unwrap();
                v.undelete("data", None).unwrap();
                whole(s, "data");
            });
        }
    }
    assert!(deaths > 60, "the kills must really have hit: {deaths}");
}

#[test]
fn a_kill_at_any_call_of_a_renaming_leaves_one_name_that_all_agree_on() {
    let mut deaths = 0;
    for (calls, step) in CALLS.iter().zip([1, 1, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1]) {
        deaths += kill_at_each(calls, step, "tests::undo_crash::victim_rename", used, |s| {
            let v = s.volumes();
            let all: Vec<String> = v.list().unwrap().into_iter().map(|volume| volume.unwrap().name).collect();
            let [name] = all.as_slice() else { panic!("{all:?}") };
            assert!(name == "data" || name == "new");
            let other = if name == "data" { "new" } else { "data" };
            whole(s, name);
            assert_eq!((v.users(name).unwrap(), v.users(other).unwrap()), (vec!["cc".to_owned()], Vec::new()));
            assert!(v.get(other).is_err() && !s.root().volume(other).exists());
            assert!(v.remove(name, true).is_err(), "its user keeps it");
            settled(s);
            // The other name is free for another volume.
            assert!(v.create(named(other)).unwrap().is_new);
            whole(s, name);
        });
    }
    assert!(deaths > 30, "{deaths}");
}

#[test]
fn a_kill_at_any_call_of_emptying_or_expiry_leaves_it_whole_or_gone() {
    let mut deaths = 0;
    for victim in ["victim_empty", "victim_expire"] {
        for (calls, step) in CALLS.iter().zip([1, 1, 5, 3, 1, 2, 1, 1, 1, 1, 2, 2]) {
            deaths += kill_at_each(calls, step, &format!("tests::undo_crash::{victim}"), removed, |s| {
                let v = s.volumes();
                if !v.removed().unwrap().is_empty() {
                    v.undelete("data", None).unwrap();
                    whole(s, "data");
                    v.remove_as("data", &kept()).unwrap();
                    v.expire(tomorrow()).unwrap();
                }
                settled(s);
                assert!(v.removed().unwrap().is_empty() && v.list().unwrap().is_empty());
            });
        }
    }
    assert!(deaths > 40, "{deaths}");
}
