//! `rename`: one volume has one name at every moment, and those who refer to it have the same.

use super::*;

fn user(id: &str, volume: &str) -> User {
    User { id: id.to_owned(), volumes: vec![volume.to_owned()] }
}

/// Renames, and lets the users refer to the new name, as the engine does.
fn rename(v: &Volumes, from: &str, to: &str) -> Result<Volume> {
    v.rename(from, to, |tx, ids| {
        for id in ids {
            tx.put(&user(id, to))?;
        }
        Ok::<_, Error>(())
    })
}

#[test]
fn everything_has_the_new_name_and_is_the_same_volume() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(CreateRequest { labels: map(&[("a", "1")]), ..named("old") }).unwrap();
    write(&s.data("old", "f"), b"x");
    v.store.publish(|tx| tx.put(&user("cc", "old"))).unwrap();
    let before = v.get("old").unwrap();
    let renamed = rename(&v, "old", "new").unwrap();
    assert_eq!(renamed, Volume { name: "new".to_owned(), ..before });
    assert_eq!((v.get("new").unwrap(), v.record("new")), (renamed.clone(), Some(renamed)));
    assert_eq!((v.get("old").unwrap_err().kind(), v.record("old")), (Kind::NotFound, None));
    assert_eq!((v.users("new").unwrap(), v.users("old").unwrap()), (vec!["cc".to_owned()], Vec::new()));
    assert!(s.data("new", "f").exists() && !s.root().volume("old").exists());
    assert!(std::fs::read_to_string(s.root().volume_sidecar("new")).unwrap().contains("\"name\": \"new\""));
    assert!(v.renames().unwrap().is_empty() && v.recover().unwrap().is_empty());
    // The name is free, and the new volume of that name is another.
    assert!(v.create(named("old")).unwrap().is_new);
}

#[test]
fn what_is_refused_changes_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("old")).unwrap();
    v.create(named("taken")).unwrap();
    v.store.publish(|tx| tx.put(&user("cc", "ghost"))).unwrap();
    assert_eq!(rename(&v, "old", "taken").unwrap_err().kind(), Kind::Exists);
    assert_eq!(rename(&v, "old", "ghost").unwrap_err().kind(), Kind::Exists, "somebody refers to a volume of that name");
    assert_eq!(rename(&v, "nope", "new").unwrap_err().kind(), Kind::NotFound);
    for bad in ["", "a", "../x", ".trash", "a/b"] {
        assert_eq!(rename(&v, "old", bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
    }
    let refused =
        v.rename("old", "new", |_, _| Err::<(), _>(Error::Busy { act: "rename", name: "old".to_owned(), users: vec!["cc".to_owned()] }));
    assert_eq!(refused.unwrap_err().to_string(), "rename old: volume is in use - [cc]");
    let point = s.data("old", "m");
    std::fs::create_dir(&point).unwrap();
    sh("mount", &["--bind", s.image("").to_str().unwrap(), point.to_str().unwrap()]);
    let mounted = rename(&v, "old", "new");
    sh("umount", &[point.to_str().unwrap()]);
    assert_eq!(mounted.unwrap_err().kind(), Kind::InUse);
    let all: Vec<String> = v.list().unwrap().into_iter().map(|volume| volume.unwrap().name).collect();
    assert_eq!(all, ["old", "taken"]);
    assert!(v.renames().unwrap().is_empty());
}

#[test]
fn names_that_share_a_lock_can_be_exchanged() {
    let s = Sandbox::new();
    let v = s.volumes();
    let (a, b) = (format!("{}-a", "x".repeat(210)), format!("{}-b", "x".repeat(210)));
    v.create(named(&a)).unwrap();
    assert_eq!(rename(&v, &a, &b).unwrap().name, b);
}

#[test]
fn two_who_rename_to_and_fro_at_once_do_not_wait_for_each_other_for_ever() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("aa")).unwrap();
    std::thread::scope(|scope| {
        for (from, to) in [("aa", "bb"), ("bb", "aa"), ("bb", "cc"), ("cc", "aa")] {
            let s = &s;
            scope.spawn(move || {
                let v = s.volumes();
                for _ in 0..15 {
                    rename(&v, from, to).ok();
                }
            });
        }
    });
    assert_eq!(v.list().unwrap().len(), 1);
    assert!(v.recover().unwrap().is_empty());
}

#[test]
fn an_anonymous_volume_that_is_given_a_name_is_none_any_more() {
    let s = Sandbox::new();
    let v = s.volumes();
    let name = v.create(CreateRequest::default()).unwrap().volume.name;
    let renamed = rename(&v, &name, "pgdata").unwrap();
    assert!(!renamed.anonymous && renamed.labels.is_empty());
    assert_eq!(v.get("pgdata").unwrap(), renamed);
}

#[test]
fn one_with_a_damaged_sidecar_comes_along() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("old")).unwrap();
    write(&s.data("old", "f"), b"x");
    v.store.publish(|tx| tx.put(&user("cc", "old"))).unwrap();
    write(&s.root().volume_sidecar("old"), b"{");
    let renamed = rename(&v, "old", "new").unwrap();
    assert!(s.data("new", "f").exists() && !s.root().volume("old").exists());
    assert_eq!(v.get("new").unwrap(), renamed);
    assert!(v.recover().unwrap().is_empty());
}
