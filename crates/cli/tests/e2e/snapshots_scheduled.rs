//! Schedules of snapshots: what is due is done once, what was missed is made up for once, and only what a schedule made is removed.
use crate::door::Door;
use crate::scene::beyond_the_peer;
use serde_json::json;
use std::time::{Duration, Instant};
use stead_testkit::Sandbox;

fn count(s: &Sandbox, why: &str) -> usize {
    s.x("volume snapshot ls --format {{.Why}} data").ok().lines().iter().filter(|line| *line == why).count()
}

#[test]
fn what_is_due_is_done_once() {
    let Some(s) = beyond_the_peer("schedules") else { return };
    for (flag, value) in [("--schedule", "hourly"), ("--keep", "1x"), ("--schedule", "99 * * * *"), ("--keep", "0h")] {
        s.cli().args(["volume", "create", flag, value, "data"]).run().exits(125);
    }
    s.cli().args(["volume", "create", "--label", "stead.snapshot.schedule=sometimes", "data"]).run().exits(1).says("invalid label");
    assert_eq!(s.ok("volume ls -q"), "");
    s.cli().args(["volume", "create", "--schedule", "@every 2s", "--keep", "2", "data"]).run().ok();
    assert_eq!(s.ok("volume inspect -f '{{index .Labels \"stead.snapshot.schedule\"}}' data"), "@every 2s");
    s.ok("volume snapshot create data mine");
    s.eventually("it is due", || {
        s.ok("system run-due");
        count(&s, "schedule") == 1
    });
    // Many at once, and again: once for each moment of the schedule.
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| drop(s.ok("system run-due"))));
        }
    });
    let moments = usize::try_from(began.elapsed().as_secs() / 2).unwrap() + 1;
    assert!(count(&s, "schedule") <= 1 + moments.min(1), "two were taken for one moment");
    // Missed ones are made up for once.
    std::thread::sleep(Duration::from_millis(6500));
    let report = s.x("system run-due --format json").ok().json();
    assert_eq!(report["Taken"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["Next"].is_string());
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(2100));
        s.ok("system run-due");
    }
    assert_eq!((count(&s, "schedule"), count(&s, "manual")), (2, 1), "two are kept, and what a person made");
    // The memory is not only in the snapshots.
    let names = s.x("volume snapshot ls --format '{{.Name}} {{.Why}}' data").lines();
    for name in names.iter().filter_map(|line| line.strip_suffix(" schedule")) {
        s.ok(&format!("volume snapshot rm data@{name}"));
    }
    s.cli().args(["volume", "update", "--schedule", "@yearly", "data"]).run().ok();
    assert_eq!(s.ok("system run-due"), "");
    s.cli().args(["volume", "update", "--schedule", "", "--keep", "", "data"]).run().ok();
    assert_eq!(s.ok("volume inspect -f '{{json .Labels}}' data"), "null");
    assert_eq!(s.x("system run-due --format json").ok().json()["Next"], serde_json::Value::Null);
}

#[test]
fn what_is_mounted_or_broken_hinders_nothing() {
    let Some(s) = beyond_the_peer("schedules") else { return };
    for name in ["bad", "data"] {
        s.cli().args(["volume", "create", "--schedule", "@every 1s", "--keep", "1", name]).run().ok();
    }
    // One whose hook always fails.
    s.ok("run -d --name cc --network none -v bad:/x --label 'stead.snapshot.pre=exit 1' busybox sleep 600");
    s.eventually("the other one's is taken", || {
        let answer = s.x("system run-due");
        answer.code == 1 && answer.stderr.contains("bad: hook stead.snapshot.pre") && count(&s, "schedule") == 1
    });
    assert_eq!(s.ok("volume snapshot ls -q bad"), "");
    let held = s.ok("volume snapshot ls -q data");
    s.ok(&format!("create --name user -v {held}:/x busybox true"));
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1100));
        s.x("system run-due").exits(1);
    }
    let there = s.x("volume snapshot ls -q data").lines();
    assert!(there.len() == 2 && there.contains(&held), "{there:?}");
    s.ok("rm user");
    std::thread::sleep(Duration::from_millis(1100));
    s.x("system run-due").exits(1);
    assert!(!s.x("volume snapshot ls -q data").lines().contains(&held));
}

#[test]
fn the_server_has_a_clock_of_its_own() {
    let Some(s) = beyond_the_peer("schedules") else { return };
    s.cli().args(["volume", "create", "--schedule", "@every 1s", "--keep", "3", "data"]).run().ok();
    let door = Door::open(&s);
    s.eventually("the server takes them", || count(&s, "schedule") == 3);
    let first = s.x("volume snapshot ls -q data").lines();
    s.eventually("and removes them", || s.x("volume snapshot ls -q data").lines().iter().all(|name| !first.contains(name)));
    assert_eq!(count(&s, "schedule"), 3);
    let answer = door.post("/v1.50/stead/system/run-due");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let made = door.post_json("/v1.50/volumes/create", &json!({"Name": "bad", "Labels": {"stead.snapshot.keep": "x"}}));
    assert_eq!(made.status, 400, "{}", made.text());
}
