//! SIGKILL at the file-system calls of snapshot create and rm, clone and rollback, on each method: nothing acknowledged is lost, nothing half done
//! is seen.
use crate::kill::at_every_call;
use crate::scene::{STEAD, names};
use std::path::Path;
use stead_testkit::{Disk, Fs, Sandbox, skip};

fn on_each(test: impl Fn(&Sandbox)) {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return skip("the peer has no snapshots");
    }
    for (fs, mib) in [(Fs::Ext4, 128), (Fs::Btrfs, 320)] {
        let disk = Disk::new(fs, mib);
        test(&Sandbox::on(STEAD, disk.path()));
    }
}

/// Content whose every part says which state it is of.
fn write(dir: &Path, state: &str) {
    for name in ["a", "b", "sub/c", "sub/d"] {
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::fs::write(dir.join(name), format!("{state} {name}")).unwrap();
    }
    let extra = dir.join("only");
    if state == "old" { std::fs::write(extra, "old only").unwrap() } else { std::fs::remove_file(extra).unwrap_or_default() }
}

/// Which state a tree is in; panics when it is in none whole.
#[track_caller]
fn state(dir: &Path, place: &str) -> String {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{place}: {name}: {e}"));
    let state = read("a").split(' ').next().unwrap_or_default().to_owned();
    for name in ["a", "b", "sub/c", "sub/d"] {
        assert_eq!(read(name), format!("{state} {name}"), "{place}");
    }
    assert_eq!(dir.join("only").exists(), state == "old", "{place}");
    assert_eq!(names(dir).len(), if state == "old" { 4 } else { 3 }, "{place}: {:?}", names(dir));
    state
}

fn content_of(s: &Sandbox, snapshot: &str) -> std::path::PathBuf {
    s.ok(&format!("volume snapshot inspect -f '{{{{.Mountpoint}}}}' {snapshot}")).into()
}

/// Repairs what may be left and takes everything away, so that the next death finds the same scene.
fn clear(s: &Sandbox, place: &str) {
    s.ok("system check --repair");
    s.ok("system check");
    assert_eq!(names(&s.root().join("volumes/.staging")), Vec::<String>::new(), "{place}");
    for volume in s.ok("volume ls -q").lines() {
        s.ok(&format!("volume rm {volume}"));
    }
    s.ok("volume trash empty -f");
}

fn scene(s: &Sandbox) {
    s.ok("volume create --label a=1 data");
    write(&s.data("data"), "old");
    s.ok("volume snapshot create data was");
    write(&s.data("data"), "new");
}

#[test]
fn snapshot_create() {
    on_each(|s| {
        let command = s.cli().args(["volume", "snapshot", "create", "data", "snap"]);
        let before = || scene(s);
        at_every_call(s, before, &command, |code, place| {
            let listed = s.ok("volume snapshot ls -q data");
            let is_there = listed.lines().any(|line| line == "data@snap");
            assert!(is_there || code != 0, "{place}: acknowledged and not there: {listed}");
            if is_there {
                assert_eq!(state(&content_of(s, "data@snap"), place), "new", "{place}");
            }
            assert_eq!(state(&content_of(s, "data@was"), place), "old", "{place}");
            assert_eq!(state(&s.data("data"), place), "new", "{place}");
            if !is_there {
                s.ok("volume snapshot create data snap");
            }
            clear(s, place);
        });
    });
}

#[test]
fn snapshot_rm() {
    on_each(|s| {
        let command = s.cli().args(["volume", "snapshot", "rm", "data@was"]);
        let before = || scene(s);
        at_every_call(s, before, &command, |code, place| {
            let listed = s.ok("volume snapshot ls -q data");
            assert!(listed.is_empty() || (listed == "data@was" && code != 0), "{place}: {listed}");
            if !listed.is_empty() {
                assert_eq!(state(&content_of(s, "data@was"), place), "old", "{place}");
            }
            assert_eq!(state(&s.data("data"), place), "new", "{place}");
            clear(s, place);
        });
    });
}

#[test]
fn clone() {
    on_each(|s| {
        for from in ["data", "data@was"] {
            let wanted = if from == "data" { "new" } else { "old" };
            let command = s.cli().args(["volume", "clone", from, "copy"]);
            let before = || scene(s);
            at_every_call(s, before, &command, |code, place| {
                let listed = s.ok("volume ls -q -f name=copy");
                assert!(listed == "copy" || code != 0, "{place}: acknowledged and not there");
                if listed == "copy" {
                    assert_eq!(state(&s.data("copy"), place), wanted, "{place}");
                    assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' copy"), "1", "{place}");
                } else {
                    s.ok(&format!("volume clone {from} copy"));
                }
                assert_eq!(state(&s.data("data"), place), "new", "{place}");
                assert_eq!(state(&content_of(s, "data@was"), place), "old", "{place}");
                clear(s, place);
            });
        }
    });
}

#[test]
fn rollback() {
    on_each(|s| {
        let command = s.cli().args(["volume", "rollback", "data@was"]);
        let before = || scene(s);
        at_every_call(s, before, &command, |code, place| {
            let now = state(&s.data("data"), place);
            assert!(now == "old" || (now == "new" && code != 0), "{place}: {now}");
            assert_eq!(state(&content_of(s, "data@was"), place), "old", "{place}");
            let listed = s.ok("volume snapshot ls -q data");
            let kept = listed.lines().find(|line| line.starts_with("data@before-rollback-"));
            assert!(kept.is_some() || now == "new", "{place}: what was there is lost");
            if let Some(kept) = kept {
                assert_eq!(state(&content_of(s, kept), place), "new", "{place}");
            }
            assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' data"), "1", "{place}");
            s.ok("volume rollback data@was");
            assert_eq!(state(&s.data("data"), place), "old", "{place}");
            clear(s, place);
        });
    });
}

#[test]
fn snapshots_of_a_group() {
    on_each(|s| {
        let command = s.cli().args(["volume", "snapshot", "create", "--group", "set=x", "snap"]);
        let before = || {
            for name in ["one", "two"] {
                s.ok(&format!("volume create --label set=x {name}"));
                write(&s.data(name), "new");
            }
        };
        at_every_call(s, before, &command, |code, place| {
            let shown = |volume: &str| s.ok(&format!("volume snapshot ls --format '{{{{.Name}}}} {{{{.Group}}}}' {volume}"));
            let (one, two) = (shown("one"), shown("two"));
            if code == 0 {
                assert!(one == two && one.starts_with("snap ") && !one.contains("incomplete"), "{place}: {one} {two}");
            }
            // Before anybody has put it right, each says whether it is alone.
            assert!(one == two || one.contains("incomplete") || two.contains("incomplete"), "{place}: {one} {two}");
            s.ok("system check --repair");
            let (one, two) = (shown("one"), shown("two"));
            assert!(one == two && !one.contains("incomplete"), "{place}: half of a group is there: {one:?} {two:?}");
            if one.is_empty() {
                s.ok("volume snapshot create --group set=x snap");
            }
            for volume in ["one", "two"] {
                assert_eq!(state(&content_of(s, &format!("{volume}@snap")), place), "new", "{place}");
            }
            assert_eq!(names(&s.root().join("volumes/.groups")), Vec::<String>::new(), "{place}");
            clear(s, place);
        });
    });
}

#[test]
fn what_a_schedule_does() {
    on_each(|s| {
        let command = s.cli().args(["system", "run-due"]);
        let before = || {
            s.ok("volume create --schedule @yearly --keep 1 data");
            write(&s.data("data"), "old");
            s.ok("volume snapshot create data mine");
            write(&s.data("data"), "new");
            std::fs::write(s.root().join("volumes/data/schedule.json"), r#"{"version":1,"last_run":"2020-02-03T04:05:06Z"}"#).unwrap();
        };
        at_every_call(s, before, &command, |code, place| {
            let made = || {
                let all = s.x("volume snapshot ls --format '{{.Name}} {{.Why}}' data").ok().lines();
                all.iter().filter_map(|line| line.strip_suffix(" schedule").map(str::to_owned)).collect::<Vec<_>>()
            };
            let there = made();
            assert!(there.len() == 1 || (there.is_empty() && code != 0), "{place}: {there:?}");
            s.ok("system run-due");
            let after = made();
            assert!(after.len() == 1 && (there.is_empty() || there == after), "{place}: it ran twice: {there:?} {after:?}");
            assert_eq!(state(&content_of(s, &format!("data@{}", after[0])), place), "new", "{place}");
            assert_eq!(state(&content_of(s, "data@mine"), place), "old", "{place}");
            clear(s, place);
        });
    });
}
