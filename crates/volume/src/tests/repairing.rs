//! What a hand, a bad disk or a lost database leave, and what repair makes of it.

use super::*;

fn problems(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{}: {} ({})", f.subject, f.problem, f.repaired)).collect()
}

/// After a repair nothing is found, and nothing was lost.
fn repaired(v: &Volumes) {
    let found = v.repair().unwrap();
    assert!(found.iter().all(|f| f.repaired), "{:?}", problems(&found));
    assert_eq!(problems(&v.recover().unwrap()), [""; 0]);
}

#[test]
fn a_directory_put_there_by_hand_is_a_volume() {
    let s = Sandbox::new();
    let v = s.volumes();
    write(&s.data("byhand", "precious"), b"x");
    std::fs::create_dir_all(s.root().volume("no-data")).unwrap();
    std::os::unix::fs::symlink("byhand", s.root().volume("linked")).unwrap();
    let listed: Vec<String> = v.list().unwrap().into_iter().map(|r| r.unwrap().name).collect();
    assert_eq!(listed, ["byhand"]);
    let adopted = v.get("byhand").unwrap();
    assert_eq!((adopted.driver.as_str(), adopted.anonymous), ("local", false));
    let created = v.create(named("byhand")).unwrap();
    assert!(!created.is_new);
    assert!(s.root().volume_sidecar("byhand").exists());
    write(&s.image("app/f"), b"y");
    assert_eq!(s.populate(&v, "byhand", "/app").unwrap(), Populated::NotEmpty);
    assert!(s.data("byhand", "precious").exists());
    assert_eq!(problems(&v.recover().unwrap()), [""; 0]);
}

#[test]
fn a_lost_database_costs_nothing() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(CreateRequest { labels: map(&[("k", "v")]), ..named("one") }).unwrap();
    let two = v.create(named("two")).unwrap().volume;
    drop(v);
    stead_sys::durable::remove_file(&s.root().database()).unwrap();
    let v = s.volumes();
    assert_eq!(v.get("one").unwrap().labels, map(&[("k", "v")]));
    assert_eq!(v.recover().unwrap().len(), 2);
    assert_eq!(v.rebuild_index().unwrap(), 2);
    assert_eq!(problems(&v.recover().unwrap()), [""; 0]);
    assert_eq!(v.get("two").unwrap(), two);
}

#[test]
fn a_damaged_sidecar_is_kept_and_replaced() {
    let s = Sandbox::new();
    let v = s.volumes();
    for name in ["with-record", "without", "zeroes"] {
        v.create(CreateRequest { labels: map(&[("k", "v")]), ..named(name) }).unwrap();
        write(&s.data(name, "precious"), b"x");
    }
    write(&s.root().volume_sidecar("with-record"), b"{\"version\":1,\"na");
    write(&s.root().volume_sidecar("without"), b"");
    write(&s.root().volume_sidecar("zeroes"), &[0; 300]);
    for name in ["without", "zeroes"] {
        v.store.publish(|tx| tx.delete::<Volume>(name)).unwrap();
    }
    assert_eq!(v.get("with-record").unwrap().labels, map(&[("k", "v")]), "the record steps in");
    let error = v.get("without").unwrap_err();
    assert!(error.to_string().contains("volume.json is damaged"), "{error}");
    assert_eq!(v.list().unwrap().iter().filter(|r| r.is_err()).count(), 2, "the others are listed");
    repaired(&v);
    for name in ["with-record", "without", "zeroes"] {
        assert!(s.data(name, "precious").exists());
        assert!(names(&s.root().volume(name)).iter().any(|n| n.starts_with("volume.json.damaged-")));
    }
    assert_eq!(v.get("with-record").unwrap().labels, map(&[("k", "v")]));
    v.remove("without", false).unwrap();
}

#[test]
fn what_was_deleted_by_hand_is_found() {
    let s = Sandbox::new();
    let v = s.volumes();
    for name in ["no-data", "no-dir", "no-dir-used"] {
        v.create(named(name)).unwrap();
    }
    let user = User { id: "c1".to_owned(), volumes: vec!["no-dir-used".to_owned()] };
    v.store.publish(|tx| tx.put(&user)).unwrap();
    std::fs::remove_dir(s.data("no-data", "")).unwrap();
    for name in ["no-dir", "no-dir-used"] {
        stead_sys::tree::remove_tree(File::open(s.root().volumes()).unwrap(), name.as_ref()).unwrap();
    }
    assert_eq!(v.get("no-dir").unwrap_err().kind(), Kind::NotFound);
    assert_eq!(v.recover().unwrap().len(), 3);
    let found = v.repair().unwrap();
    assert_eq!(found.iter().filter(|f| f.repaired).count(), 2, "{:?}", problems(&found));
    assert!(s.data("no-data", "").is_dir());
    let left = problems(&v.recover().unwrap());
    assert_eq!(left, ["no-dir-used: its directory is gone, and containers refer to it: c1 (false)"]);
    assert!(v.create(named("no-dir-used")).unwrap().is_new);
    assert_eq!(problems(&v.recover().unwrap()), [""; 0]);
}

#[test]
fn staging_of_the_living_is_left_alone() {
    let s = Sandbox::new();
    let v = s.volumes();
    let living = staging::Staging::new(&v.root.volumes(), &v.run_root).unwrap();
    assert!(v.repair().unwrap().is_empty());
    assert!(living.path().is_dir());
    let path = living.path().to_path_buf();
    std::mem::forget(living);
    // The descriptor of a forgotten lock lives as long as the process; a dead one's lock is gone, so take another run root.
    let after = Volumes::open(&s.root(), &RunRoot::new(s.0.join("run2")), Arc::clone(&v.store));
    std::fs::create_dir(s.0.join("run2")).unwrap();
    repaired(&after);
    assert!(!path.exists());
    assert_eq!(sweep(&s.root()).unwrap(), 1);
}

/// Killed commands left a hundred half-made trees behind them, which nothing took away until somebody asked for a repair.
#[test]
fn a_sweep_takes_what_killed_commands_staged_and_nothing_of_the_living() {
    let s = Sandbox::new();
    let v = s.volumes();
    let living = staging::Staging::new(&v.root.volumes(), &v.run_root).unwrap();
    write(&s.root().volumes_staging().join(format!("{:032x}/_data/big", 1)), b"left by a killed command");
    assert!(!v.has_trash(stead_base::time::Time::now()).unwrap(), "while anybody stages, nobody can tell whose is whose");
    v.sweep().unwrap();
    assert!(s.root().volumes_staging().join(format!("{:032x}/_data/big", 1)).exists() && living.path().is_dir());
    drop(living);
    v.sweep().unwrap();
    write(&s.root().volumes_staging().join(format!("{:032x}/_data/big", 2)), b"x");
    assert!(v.has_trash(stead_base::time::Time::now()).unwrap());
    v.sweep().unwrap();
    write(&s.root().volumes_staging().join("mine/f"), b"put there by hand");
    v.sweep().unwrap();
    v.repair().unwrap();
    assert_eq!(names(&s.root().volumes_staging()), ["mine"], "what has no name of ours is not ours");
    assert_eq!(names(&s.root().volumes_trash()).iter().filter(|name| !name.starts_with('.')).count(), 0);
}

#[test]
fn a_copy_of_a_volume_gets_an_identity_of_its_own() {
    let s = Sandbox::new();
    let v = s.volumes();
    let options = map(&[("size", "16m"), ("fs", "ext4")]);
    v.create(CreateRequest { options, ..named("data") }).unwrap();
    let inside = v.mount("data", "c1").unwrap();
    write(&inside.join("f"), b"x");
    v.unmount("data", "c1").unwrap();
    let home = |name| s.root().volume(name).display().to_string();
    sh("cp", &["-a", &home("data"), &home("copy")]);
    v.mount("data", "c1").unwrap();
    let error = v.mount("copy", "c2").unwrap_err();
    assert!(error.to_string().contains("the same is mounted on"), "{error}");
    let found = v.repair().unwrap();
    let twin = found.iter().find(|finding| finding.problem.contains("takes itself for volume data")).unwrap();
    assert_eq!((twin.subject.as_str(), twin.repaired), ("copy", false), "not while one of them is mounted");
    v.unmount("data", "c1").unwrap();
    let before = v.get("data").unwrap();
    assert!(v.repair().unwrap().iter().all(|finding| finding.repaired));
    assert_eq!(v.get("data").unwrap(), before, "the original is what it was");
    assert_ne!(v.get("copy").unwrap().uuid, before.uuid);
    assert_eq!(v.recover().unwrap(), []);
    for name in ["data", "copy"] {
        assert!(v.mount(name, "c1").unwrap().join("f").exists(), "{name}");
    }
    for name in ["data", "copy"] {
        v.unmount(name, "c1").unwrap();
    }
}

#[test]
fn half_a_memory_is_no_finding() {
    let s = Sandbox::new();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    let half = s.root().volume("data").join(".tmp-29740-2-3060efdb-used.json");
    write(&half, b"{");
    assert_eq!(problems(&v.recover().unwrap()), [""; 0]);
    assert!(v.repair().unwrap().is_empty() && !half.exists());
    write(&s.root().volume("data").join(".tmp-29740-2-3060efdb-volume.json"), b"{");
    assert_eq!(v.recover().unwrap().len(), 1, "that of a sidecar is one");
}
