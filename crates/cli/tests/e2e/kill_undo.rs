//! SIGKILL at the file-system calls of removal, undoing, renaming, emptying and expiry, as commands: what the next one finds.
use crate::kill::{at_every_call, ready};
use crate::scene::{named, names};
use stead_testkit::Sandbox;

fn filled(s: &Sandbox) {
    s.x("volume rm -f --now data store").ok();
    s.ok("volume trash empty -f");
    s.ok("volume create --label a=1 data");
    for file in ["one", "two"] {
        std::fs::write(s.data("data").join(file), file).unwrap();
    }
}

#[track_caller]
fn whole(s: &Sandbox, name: &str, place: &str) {
    assert_eq!(names(&s.data(name)), ["one", "two"], "{place}");
    assert_eq!(s.ok(&format!("volume inspect -f '{{{{.Labels}}}}' {name}")), "map[a:1]", "{place}");
}

/// In exactly one place: among the volumes, or in the trash.
#[track_caller]
fn is_there(s: &Sandbox, place: &str) -> bool {
    let (there, kept) = (s.ok("volume ls -q"), s.ok("volume trash ls --format '{{.Name}}'"));
    match (there.as_str(), kept.as_str()) {
        ("data", "") => true,
        ("", "data") => false,
        other => panic!("{place}: {other:?}"),
    }
}

#[test]
fn volume_rm_and_undelete() {
    let Some(s) = ready() else { return };
    let check = |code: i32, place: &str, done: bool| {
        let there = is_there(&s, place);
        assert!(code != 0 || there != done, "{place}: acknowledged and not done");
        if !there {
            s.ok("volume undelete data");
        }
        whole(&s, "data", place);
    };
    let command = s.cli().args(["volume", "rm", "data"]);
    at_every_call(&s, || filled(&s), &command, |code, place| check(code, place, true));
    let command = s.cli().args(["volume", "undelete", "data"]);
    let removed = || {
        filled(&s);
        s.ok("volume rm data");
    };
    at_every_call(&s, removed, &command, |code, place| check(code, place, false));
}

#[test]
fn volume_rename() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["volume", "rename", "data", "store"]);
    let used = || {
        filled(&s);
        s.ok("create --name cc --network none -v data:/d busybox cat /d/one");
    };
    at_every_call(&s, used, &command, |code, place| {
        let listed = s.ok("volume ls -q");
        assert!(listed == "store" || (listed == "data" && code != 0), "{place}: {listed}");
        whole(&s, &listed, place);
        // The container means the volume that is there: what it says, what keeps it and what it mounts.
        let said = s.inspect("cc");
        assert_eq!(
            (said["Mounts"][0]["Name"].as_str(), said["HostConfig"]["Binds"][0].as_str()),
            (Some(&*listed), Some(&*format!("{listed}:/d")))
        );
        s.x(&format!("volume rm -f --now {listed}")).exits(1).says("volume is in use");
        assert_eq!(s.ok("start -a cc"), "one", "{place}");
        s.ok("rm cc");
    });
}

#[test]
fn volume_trash_empty_and_expiry() {
    let Some(s) = ready() else { return };
    let gone_or_whole = |code: i32, place: &str| {
        let kept = s.ok("volume trash ls -q");
        assert!(code != 0 || kept.is_empty(), "{place}: acknowledged and there");
        if !kept.is_empty() {
            s.ok("volume undelete data");
            whole(&s, "data", place);
            s.ok("volume rm --now data");
        }
        assert_eq!(s.ok("volume ls -q"), "", "{place}");
        s.x("sweep").ok();
        s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
    };
    let removed = || {
        filled(&s);
        s.ok("volume rm data");
    };
    let command = s.cli().args(["volume", "trash", "empty", "-f"]);
    at_every_call(&s, removed, &command, gone_or_whole);
    let due = || {
        filled(&s);
        s.ok("system config set trash.keep-named 1ns");
        s.ok("volume rm data");
        s.ok("system config set trash.keep-named ''");
        std::thread::sleep(std::time::Duration::from_millis(1100));
    };
    let command = s.cli().args(["sweep"]);
    at_every_call(&s, due, &command, gone_or_whole);
}
