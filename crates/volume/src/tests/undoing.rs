//! What is removed can be had back: whole, under its name or another, until its time is over and not a moment longer.

use super::*;
use stead_base::time::Time;

const HOUR: i128 = 3600 * 1_000_000_000;

fn kept_for(named: i128, anonymous: i128) -> Removal {
    Removal { keep_nanos: [named, anonymous], why: "a test".to_owned(), ..Removal::default() }
}

fn remove(v: &Volumes, name: &str) -> String {
    match v.remove_as(name, &kept_for(HOUR, HOUR)).unwrap() {
        Removed::Kept { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

fn later(nanos: i128) -> Time {
    Time::from_nanos(Time::now().nanos() + nanos)
}

#[test]
fn it_comes_back_as_it_was() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("type", "none"), ("o", "bind"), ("device", "/tmp")]);
    v.create(CreateRequest { labels: map(&[("a", "1")]), options, ..named("data") }).unwrap();
    write(&s.data("data", "d/f"), b"precious");
    write(&s.root().volume("data").join("snapshots/monday/_data/f"), b"older");
    let before = v.get("data").unwrap();
    let inode = s.data("data", "d/f").metadata().unwrap().ino();
    let id = remove(&v, "data");
    assert_eq!(v.get("data").unwrap_err().kind(), Kind::NotFound);
    assert!(v.list().unwrap().is_empty() && v.record("data").is_none());
    assert_eq!(mode(&s.root().volumes_removed()), 0o700);
    let kept = &v.removed().unwrap()[0];
    assert_eq!((kept.id.as_str(), kept.name.as_str(), kept.why.as_str()), (id.as_str(), "data", "a test"));
    assert_eq!(kept.volume.as_ref(), Some(&before));
    assert_eq!((kept.size().unwrap(), kept.size().unwrap()), (8, 8));
    let back = v.undelete("data", None).unwrap();
    assert_eq!((&back.volume, back.others.len()), (&before, 0));
    assert_eq!((v.get("data").unwrap(), v.record("data")), (before.clone(), Some(before)));
    assert_eq!(s.data("data", "d/f").metadata().unwrap().ino(), inode);
    assert!(s.root().volume("data").join("snapshots/monday/_data/f").exists());
    assert_eq!(names(&s.root().volume("data")), ["_data", "snapshots", "volume.json"], "nothing of the removal stays");
    assert_eq!(v.undelete("data", None).unwrap_err().kind(), Kind::NotFound);
    stead_sys::tree::remove_tree(File::open(s.root().volume("data")).unwrap(), "snapshots".as_ref()).unwrap();
    assert!(v.recover().unwrap().is_empty());
}

#[test]
fn of_several_with_one_name_the_latest_comes_back_and_ids_name_each() {
    let s = Sandbox::new();
    let v = s.volumes();
    let mut ids = Vec::new();
    for content in ["one", "two", "three"] {
        v.create(named("data")).unwrap();
        write(&s.data("data", "f"), content.as_bytes());
        ids.push(remove(&v, "data"));
    }
    let back = v.undelete("data", None).unwrap();
    assert_eq!(back.kept.id, ids[2]);
    assert_eq!(back.others.iter().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), [&ids[1], &ids[0]]);
    assert_eq!(std::fs::read(s.data("data", "f")).unwrap(), b"three");
    // The name is taken: nothing changes, and the hint says what helps.
    let taken = v.undelete("data", None).unwrap_err();
    assert_eq!((taken.kind(), taken.to_string().as_str()), (Kind::Exists, "undelete data: a volume named data exists already"));
    assert_eq!(taken.hint().unwrap(), "give it another name: 'stead volume undelete data NEWNAME'");
    assert_eq!(v.removed().unwrap().len(), 2);
    let old = v.undelete(&ids[0][..10], Some("first")).unwrap();
    assert_eq!((old.volume.name.as_str(), std::fs::read(s.data("first", "f")).unwrap().as_slice()), ("first", &b"one"[..]));
    assert_eq!(v.undelete(&ids[1][..5], Some("second")).unwrap_err().kind(), Kind::NotFound, "five digits name nothing");
    assert_eq!(v.undelete(&ids[1], Some("../up")).unwrap_err().kind(), Kind::Invalid);
    for word in ["", "..", ".", "/", "../..", "%", "*"] {
        assert_eq!(v.undelete(word, Some("second")).unwrap_err().kind(), Kind::NotFound, "{word:?}");
    }
    assert_eq!(v.undelete(&ids[1], Some("second")).unwrap().volume.name, "second");
}

#[test]
fn an_anonymous_one_that_gets_a_name_is_none_any_more() {
    let s = Sandbox::new();
    let v = s.volumes();
    let name = v.create(CreateRequest::default()).unwrap().volume.name;
    write(&s.data(&name, "f"), b"x");
    remove(&v, &name);
    assert!(v.undelete(&name, None).unwrap().volume.anonymous);
    remove(&v, &name);
    let back = v.undelete(&name, Some("pgdata")).unwrap().volume;
    assert!(!back.anonymous && back.labels.is_empty());
    assert_eq!(v.get("pgdata").unwrap(), back);
}

#[test]
fn of_an_anonymous_volume_without_content_nothing_is_kept() {
    let s = Sandbox::new();
    let v = s.volumes();
    let empty = v.create(CreateRequest::default()).unwrap().volume.name;
    assert_eq!(v.remove_as(&empty, &kept_for(HOUR, HOUR)).unwrap(), Removed::Trashed);
    // Content that lies beside `_data` is content.
    let imaged = v.create(CreateRequest::default()).unwrap().volume.name;
    write(&s.root().volume(&imaged).join("image"), b"a file system");
    remove(&v, &imaged);
    // And a name says that somebody wanted it.
    v.create(named("data")).unwrap();
    remove(&v, "data");
    assert_eq!(v.removed().unwrap().len(), 2);
}

#[test]
fn only_what_is_due_goes_and_a_clock_that_is_set_back_deletes_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    for (name, hours) in [("day", 24), ("week", 168)] {
        v.create(named(name)).unwrap();
        write(&s.data(name, "f"), b"x");
        v.remove_as(name, &kept_for(hours * HOUR, 0)).unwrap();
    }
    assert!(!v.has_trash(Time::now()).unwrap() && v.expire(Time::now()).unwrap().is_empty());
    assert!(v.expire(Time::from_nanos(0)).unwrap().is_empty(), "a clock that was set back");
    assert!(!v.has_trash(later(23 * HOUR)).unwrap() && v.has_trash(later(25 * HOUR)).unwrap());
    let gone = v.expire(later(25 * HOUR)).unwrap();
    assert_eq!(gone.iter().map(|kept| kept.name.as_str()).collect::<Vec<_>>(), ["day"]);
    assert_eq!((v.sweep().unwrap(), v.removed().unwrap().len()), (1, 1));
    assert_eq!(v.undelete("day", None).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(v.undelete("week", None).unwrap().volume.name, "week");
}

/// A machine without a clock of its own begins in 1970: what is removed then is not due when the time is known.
#[test]
fn a_removal_by_a_clock_of_the_past_keeps_for_as_long() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    // As if the clock had been set back by a year since: the volume is of the future.
    let ahead = later(365 * 24 * HOUR);
    let volume = Volume { created_at: ahead, ..v.get("data").unwrap() };
    sidecar_of(&s, &volume);
    let Removed::Kept { until, .. } = v.remove_as("data", &kept_for(HOUR, HOUR)).unwrap() else { panic!("not kept") };
    assert!(until.since(ahead) >= HOUR);
    assert!(v.expire(ahead).unwrap().is_empty());
}

fn sidecar_of(s: &Sandbox, volume: &Volume) {
    sidecar::write(&s.root().volume(&volume.name), volume).unwrap();
}

#[test]
fn when_name_and_note_disagree_the_later_holds_and_a_strangers_directory_stays() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let id = remove(&v, "data");
    let removed = s.root().volumes_removed();
    let old = removed.join(&names(&removed)[0]);
    stead_sys::durable::rename(&old, &removed.join(format!("000000000000-{id}"))).unwrap();
    assert!(v.expire(Time::now()).unwrap().is_empty(), "the note says that it stays");
    for stranger in ["precious", "123-abc", "000000000000-ABCDEF", "x-0123456789abcdef0123456789abcdef"] {
        write(&removed.join(stranger).join("f"), b"x");
    }
    std::os::unix::fs::symlink(s.image(""), removed.join("000000000000-0123456789abcdef0123456789abcdef")).unwrap();
    assert!(v.expire(later(HOUR / 2)).unwrap().is_empty());
    assert_eq!(v.expire(later(2 * HOUR)).unwrap().len(), 1);
    v.sweep().unwrap();
    assert_eq!(names(&removed).len(), 5, "{:?}", names(&removed));
    assert_eq!(v.recover().unwrap().len(), 4, "they are named");
}

#[test]
fn without_its_note_the_sidecar_and_the_name_tell() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    remove(&v, "data");
    let kept = v.removed().unwrap().remove(0);
    std::fs::remove_file(kept.directory.join("removed.json")).unwrap();
    let again = v.removed().unwrap().remove(0);
    assert_eq!((again.name.as_str(), again.id), ("data", kept.id));
    assert!(again.keep_until >= kept.keep_until && again.keep_until.since(kept.keep_until) <= 1_000_000_000);
    // Without the sidecar too it can be had back by its id, under a name that is given.
    std::fs::remove_file(kept.directory.join("volume.json")).unwrap();
    let bare = v.removed().unwrap().remove(0);
    assert_eq!((bare.name.as_str(), bare.volume), ("", None));
    write(&kept.directory.join("_data/f"), b"x");
    assert_eq!(v.undelete(&bare.id, Some("data")).unwrap().volume.name, "data");
    assert!(s.data("data", "f").exists());
}

#[test]
fn nothing_removes_what_is_protected() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let protect = |protected| Update { protected: Some(protected), ..Update::default() };
    assert!(v.update("data", &protect(true)).unwrap().1);
    assert!(!v.update("data", &protect(true)).unwrap().1, "it was so already");
    for how in [Removal::default(), Removal { force: true, ..Removal::default() }, kept_for(HOUR, HOUR)] {
        let error = v.remove_as("data", &how).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Conflict, "remove data: volume is protected"));
        assert_eq!(error.hint().unwrap(), "no flag removes it; 'stead volume unprotect data' first");
    }
    // Not even when the records are lost: the sidecar says it.
    v.store.publish(|tx| tx.delete::<Volume>("data")).unwrap();
    assert!(v.remove("data", true).is_err());
    // Nor when the sidecar is: the record says it.
    v.rebuild_index().unwrap();
    write(&s.root().volume_sidecar("data"), b"{ torn");
    assert!(matches!(v.remove("data", true).unwrap_err(), Error::Protected { .. }));
    v.repair().unwrap();
    v.update("data", &protect(false)).unwrap();
    v.remove("data", false).unwrap();
}

#[test]
fn what_cannot_be_read_is_kept_even_by_those_who_keep_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    write(&s.data("data", "f"), b"x");
    write(&s.root().volume_sidecar("data"), b"{ torn");
    v.store.publish(|tx| tx.delete::<Volume>("data")).unwrap();
    assert!(matches!(v.remove("data", false).unwrap(), Removed::Kept { .. }));
    assert_eq!(v.removed().unwrap()[0].name, "data");
    // It is back where it was, as damaged as it was, and a repair makes it a volume.
    assert!(matches!(v.undelete("data", None).unwrap_err(), Error::Sidecar { .. }));
    v.repair().unwrap();
    assert!(v.get("data").is_ok() && s.data("data", "f").exists());
}

#[test]
fn pressure_takes_the_oldest_and_no_more_than_it_must() {
    let s = Sandbox::new();
    let v = s.volumes();
    for name in ["one", "two"] {
        v.create(named(name)).unwrap();
        remove(&v, name);
    }
    assert!(v.relieve(1).unwrap().is_empty() && !v.could_relieve(1), "there is more than a byte");
    // More than any disk has: all of it, the oldest first.
    assert!(v.could_relieve(u64::MAX));
    let given = v.relieve(u64::MAX).unwrap();
    assert_eq!(given.iter().map(|kept| kept.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(v.removed().unwrap().is_empty() && trash::is_empty(&s.root().volumes()).unwrap());
}

#[test]
fn nothing_is_forgotten_below_a_root_without_our_mark() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    remove(&v, "data");
    stead_sys::durable::rename(&s.root().marker(), &s.image("mark")).unwrap();
    let kept = v.removed().unwrap().remove(0);
    assert_eq!(v.forget(&kept).unwrap_err().kind(), Kind::NotAllowed);
    assert_eq!(v.expire(later(2 * HOUR)).unwrap_err().kind(), Kind::NotAllowed);
    assert!(kept.directory.join("_data").is_dir());
}

#[test]
fn labels_change_and_the_engines_own_does_not() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(CreateRequest { labels: map(&[("a", "1"), ("b", "2")]), ..named("data") }).unwrap();
    let change = Update {
        labels: map(&[("b", "3"), ("c", "4")]),
        labels_gone: vec!["a".to_owned(), "b".to_owned()],
        protected: None,
        ..Update::default()
    };
    assert_eq!(v.update("data", &change).unwrap().0.labels, map(&[("b", "3"), ("c", "4")]));
    assert_eq!(v.record("data").unwrap().labels, v.get("data").unwrap().labels);
    let reserved = Update { labels: map(&[(ANONYMOUS_LABEL, "")]), ..Update::default() };
    assert_eq!(v.update("data", &reserved).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(v.update("nope", &change).unwrap_err().kind(), Kind::NotFound);
}
