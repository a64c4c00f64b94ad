//! Tests of the ledger against real mounts, each on a thread with a mount namespace of its own.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::apply::tests::{Stage, on_stage};
use crate::local::mount_of;
use crate::value::FilesystemSpec;

/// A run root and a volume's directory on a stage.
struct Host {
    run_root: RunRoot,
    on: PathBuf,
}

impl Host {
    fn new(stage: &Stage) -> Self {
        let on = stage.path("volume/_data");
        fs::create_dir_all(&on).unwrap();
        fs::create_dir(stage.path("run")).unwrap();
        Self { run_root: RunRoot::new(stage.path("run")), on }
    }

    fn memory(&self) -> Mount {
        mount_of(
            &FilesystemSpec { fstype: "tmpfs".into(), device: "tmpfs".into(), options: vec!["size=1m".into(), "nosuid".into()] },
            &self.on,
        )
    }

    fn hold(&self, holder: &str) -> Result<(), ActivateError> {
        activate(&self.run_root, "vol", &self.memory(), &self.on, holder)
    }

    fn let_go(&self, holder: &str) -> Result<(), ActivateError> {
        release(&self.run_root, "vol", holder)
    }

    fn mounts(&self) -> usize {
        table().unwrap().iter().filter(|entry| entry.mount_point == self.on).count()
    }

    fn record(&self) -> Option<Activation> {
        Ledger::new(&self.run_root).lock("vol").unwrap().read().unwrap()
    }

    fn rewrite(&self, change: impl FnOnce(&mut Activation)) {
        let locked = Ledger::new(&self.run_root).lock("vol").unwrap();
        let mut activation = locked.read().unwrap().unwrap();
        change(&mut activation);
        locked.write(&activation).unwrap();
    }

    fn check(&self, repair: bool, live: &[&str]) -> Vec<(FindingState, bool)> {
        recover(&self.run_root, repair, &|holder| live.contains(&holder)).unwrap().into_iter().map(|f| (f.state, f.repaired)).collect()
    }
}

#[test]
fn the_first_holder_mounts_and_the_last_one_unmounts() {
    on_stage(|stage| {
        let host = Host::new(stage);
        for holder in ["a", "b", "a"] {
            host.hold(holder).unwrap();
        }
        assert_eq!(host.mounts(), 1);
        assert_eq!(host.record().unwrap().holders, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(holders(&host.run_root, "vol").unwrap(), ["a", "b"]);
        fs::File::create(host.on.join("kept")).unwrap();
        host.let_go("a").unwrap();
        host.let_go("a").unwrap();
        assert!(host.on.join("kept").exists());
        host.let_go("b").unwrap();
        host.let_go("b").unwrap();
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}

#[test]
fn a_failed_mount_names_itself_and_leaves_nothing() {
    on_stage(|stage| {
        let host = Host::new(stage);
        let bind = FilesystemSpec { fstype: "none".into(), device: "/nonexist".into(), options: vec!["bind".into()] };
        let error = activate(&host.run_root, "vol", &mount_of(&bind, &host.on), &host.on, "a").unwrap_err();
        let on = host.on.display();
        assert_eq!(
            error.to_string(),
            format!(
                "error while mounting volume '{on}': failed to mount local volume: mount /nonexist:{on}, flags: 0x1000: no such file or directory"
            )
        );
        let options = vec!["noatime".into(), "password=geheim".into(), "size=x".into()];
        let memory = FilesystemSpec { fstype: "tmpfs".into(), device: "dev".into(), options };
        let error = activate(&host.run_root, "vol", &mount_of(&memory, &host.on), &host.on, "a").unwrap_err().to_string();
        assert!(error.contains(&format!("mount dev:{on}, flags: 0x400, data: password=********,size=x: ")), "{error}");
        assert!(!error.contains("geheim"), "{error}");
        let unknown = FilesystemSpec { fstype: "nosuchfs".into(), device: "dev".into(), options: Vec::new() };
        let error = activate(&host.run_root, "vol", &mount_of(&unknown, &host.on), &host.on, "a").unwrap_err().to_string();
        assert!(error.ends_with(&format!("mount dev:{on}: no such device")), "{error}");
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}

#[test]
fn a_bind_of_a_host_directory_is_a_volume() {
    on_stage(|stage| {
        let host = Host::new(stage);
        stage.write("disk/file", "hello");
        let bind = FilesystemSpec {
            fstype: "none".into(),
            device: stage.path("disk").display().to_string(),
            options: vec!["bind".into(), "ro".into()],
        };
        activate(&host.run_root, "vol", &mount_of(&bind, &host.on), &host.on, "a").unwrap();
        assert_eq!(stage.read("volume/_data/file"), "hello");
        assert!(fs::File::create(host.on.join("x")).is_err());
        host.let_go("a").unwrap();
        assert_eq!(stage.read("disk/file"), "hello", "what was bound is untouched");
    });
}

#[test]
fn a_crash_before_the_mount_is_finished_or_forgotten() {
    on_stage(|stage| {
        let host = Host::new(stage);
        let crash = || {
            let mut activation = Activation::new("vol", &host.memory(), &host.on);
            activation.holders.insert("a".to_owned());
            Ledger::new(&host.run_root).lock("vol").unwrap().write(&activation).unwrap();
        };
        crash();
        assert_eq!(host.check(false, &["a"]), [(FindingState::NotMade, false)]);
        host.hold("b").unwrap();
        assert_eq!((host.mounts(), host.record().unwrap().holders.len()), (1, 2));
        host.let_go("a").unwrap();
        host.let_go("b").unwrap();
        crash();
        assert_eq!(host.check(true, &[]), [(FindingState::NotMade, true)]);
        assert_eq!(host.record(), None);
    });
}

#[test]
fn a_crash_after_the_mount_is_noticed_and_not_mounted_twice() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        host.rewrite(|activation| activation.made = None);
        assert_eq!(host.check(false, &["a"]), [(FindingState::NotRecorded, false)]);
        host.hold("b").unwrap();
        assert_eq!(host.mounts(), 1);
        assert_eq!(host.check(false, &["a", "b"]), []);
        host.rewrite(|activation| activation.made = None);
        assert_eq!(host.check(true, &["a"]), [(FindingState::NotRecorded, true)]);
        assert_eq!(host.check(true, &["a"]), []);
        host.rewrite(|activation| activation.made = None);
        host.let_go("a").unwrap();
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}

#[test]
fn holders_that_are_gone_do_not_keep_a_mount() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        host.hold("b").unwrap();
        assert_eq!(host.check(true, &["b"]), []);
        assert_eq!(holders(&host.run_root, "vol").unwrap(), ["b"]);
        assert_eq!(host.check(false, &[]), [(FindingState::Unused, false)]);
        assert_eq!(host.mounts(), 1, "looking changes nothing");
        assert_eq!(host.check(true, &[]), [(FindingState::Unused, true)]);
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}

#[test]
fn what_vanished_is_mounted_again_by_the_next_holder() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        kernel::unmount_at(&host.on, kernel::mount_id_at(&host.on).unwrap()).unwrap();
        assert_eq!(host.check(false, &["a"]), [(FindingState::Vanished, false)]);
        host.hold("b").unwrap();
        assert_eq!(host.mounts(), 1);
        host.rewrite(|activation| activation.made.as_mut().unwrap().boot = "another".to_owned());
        assert_eq!(host.check(false, &["a", "b"]), [(FindingState::Vanished, false)]);
    });
}

#[test]
fn mounts_of_others_are_never_touched() {
    on_stage(|stage| {
        let host = Host::new(stage);
        let foreign = || {
            let memory = kernel::new_filesystem("tmpfs", &[kernel::Param::Text("source", "theirs")], kernel::Flags::empty()).unwrap();
            kernel::attach(&memory, kernel::handle(&host.on).unwrap(), &host.on).unwrap();
        };
        foreign();
        assert!(matches!(host.hold("a"), Err(ActivateError::Foreign { .. })));
        assert_eq!((host.mounts(), host.record()), (1, None));
        kernel::unmount_at(&host.on, kernel::mount_id_at(&host.on).unwrap()).unwrap();
        host.hold("a").unwrap();
        foreign();
        assert!(matches!(host.let_go("a"), Err(ActivateError::Foreign { .. })));
        assert_eq!(host.check(true, &[]), [(FindingState::Unused, false)]);
        assert_eq!(host.mounts(), 2);
        host.rewrite(|activation| activation.made.as_mut().unwrap().namespace = "mnt:[1]".to_owned());
        assert_eq!(host.check(true, &[]), [(FindingState::Elsewhere, false)]);
        assert_eq!(host.mounts(), 2);
    });
}

#[test]
fn a_busy_mount_stays_and_the_ledger_knows() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        let open = fs::File::create(host.on.join("open")).unwrap();
        let error = host.let_go("a").unwrap_err();
        assert_eq!((error.kind(), host.mounts()), (Kind::InUse, 1));
        assert_eq!(host.check(true, &[]), [(FindingState::Unused, false)]);
        drop(open);
        assert_eq!(host.check(true, &[]), [(FindingState::Unused, true)]);
        assert_eq!(host.mounts(), 0);
    });
}

#[test]
fn one_bad_record_is_one_finding() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        stage.write("run/mounts/bad.json", "{");
        stage.write("run/mounts/newer.json", "");
        let findings = recover(&host.run_root, true, &|_| true).unwrap();
        let subjects: Vec<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
        assert_eq!(subjects, ["bad", "newer"]);
        assert!(stage.path("run/mounts/bad.json").exists(), "it is left for a person to look at");
        host.let_go("a").unwrap();
    });
}

#[test]
fn keys_stay_in_the_ledger() {
    on_stage(|stage| {
        let host = Host::new(stage);
        for key in ["", ".", "..", "a/b", "../x", "a\0b"] {
            let error = activate(&host.run_root, key, &host.memory(), &host.on, "a").unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{key:?}");
        }
        assert_eq!(host.mounts(), 0);
    });
}

#[test]
fn sixteen_at_once_mount_once() {
    on_stage(|stage| {
        let host = Host::new(stage);
        std::thread::scope(|scope| {
            for index in 0..16 {
                let host = &host;
                scope.spawn(move || host.hold(&format!("c{index}")).unwrap());
            }
        });
        assert_eq!((host.mounts(), holders(&host.run_root, "vol").unwrap().len()), (1, 16));
        std::thread::scope(|scope| {
            for index in 0..16 {
                let host = &host;
                scope.spawn(move || host.let_go(&format!("c{index}")).unwrap());
            }
        });
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}

#[test]
fn what_is_barred_is_mounted_by_nobody() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        assert!(bar(&host.run_root, "vol").unwrap().is_none(), "somebody holds it");
        host.let_go("a").unwrap();
        let barred = bar(&host.run_root, "vol").unwrap().unwrap();
        let lock = host.run_root.locks().join("mount-vol.lock");
        assert!(stead_sys::lock::is_locked(&lock).unwrap(), "who activates it waits for this lock");
        assert_eq!(host.mounts(), 0);
        drop(barred);
        host.hold("a").unwrap();
        host.let_go("a").unwrap();
    });
}

#[test]
fn what_is_mounted_elsewhere_is_not_called_mounted_here() {
    on_stage(|stage| {
        let host = Host::new(stage);
        host.hold("a").unwrap();
        let copy = stage.path("copy");
        fs::create_dir(&copy).unwrap();
        let error = activate(&host.run_root, "vol", &host.memory(), &copy, "b").unwrap_err();
        assert!(matches!(error, ActivateError::Elsewhere { .. }), "{error}");
        assert_eq!(host.record().unwrap().holders.len(), 1);
        // Another way to the same directory.
        let alias = stage.path("alias");
        std::os::unix::fs::symlink(stage.path("volume"), &alias).unwrap();
        activate(&host.run_root, "vol", &host.memory(), &alias.join("_data"), "b").unwrap();
        host.let_go("a").unwrap();
        host.let_go("b").unwrap();
        assert_eq!((host.mounts(), host.record()), (0, None));
    });
}
