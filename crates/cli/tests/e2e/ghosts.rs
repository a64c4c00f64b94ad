//! A start and a removal that meet, and a start that is killed: no container lives on that nothing can name, and none that lives has lost its files.
use crate::scene::beyond_the_peer;
use std::time::Duration;
use stead_testkit::{Sandbox, processes_naming};

/// So many times they meet, each time a little later than before.
const MEETINGS: u64 = 48;

/// The ids of the monitors of a sandbox.
fn monitors(s: &Sandbox) -> Vec<String> {
    let root = s.root().to_str().unwrap().to_owned();
    let all = processes_naming(&root).into_iter().map(|(_, line)| line);
    all.filter_map(|line| line.strip_prefix("stead monitor ")?.split(' ').next().map(str::to_owned)).collect()
}

fn records(s: &Sandbox) -> Vec<String> {
    s.ok("ps -aq --no-trunc").lines().map(str::to_owned).collect()
}

/// Every monitor has a record, what runs has what it wrote, and a removal that was acknowledged has happened.
fn whole(s: &Sandbox, id: &str, removed: bool, place: &str) {
    s.eventually(&format!("{place}: every monitor has a record"), || {
        // Monitors first: a record is there before its monitor.
        let monitors = monitors(s);
        let records = records(s);
        monitors.iter().all(|id| records.contains(id))
    });
    let known = records(s).iter().any(|known| known == id);
    assert!(!(removed && known), "{place}: removed and still there");
    if known && s.inspect(id)["State"]["Running"] == true {
        s.eventually(&format!("{place}: its files are there"), || s.x(&format!("exec {id} cat /kept /v/kept")).text() == "kept\nkept");
    }
    if known {
        s.ok(&format!("rm -f {id}"));
    }
    assert!(records(s).is_empty(), "{place}");
    assert!(!s.root().join("containers").join(id).exists(), "{place}: its directory stays");
}

fn create(s: &Sandbox) -> String {
    s.ok("create --name cc --network none -v data:/v busybox sh -c 'echo kept >/kept; echo kept >/v/kept; exec sleep 600'")
}

fn nothing_is_left(s: &Sandbox) {
    s.eventually("no monitor", || monitors(s).is_empty());
    s.ok("system check");
    s.ok("volume rm data");
}

#[test]
fn a_start_and_a_removal_that_meet() {
    let Some(s) = beyond_the_peer("monitors") else { return };
    for meeting in 0..MEETINGS {
        let id = create(&s);
        let mut start = s.cli().args(["start", "cc"]).spawn();
        let mut again = s.cli().args(["start", "cc"]).spawn();
        std::thread::sleep(Duration::from_millis(meeting * 2));
        let force = meeting % 3 != 0;
        let rm = s.x(if force { "rm -f cc" } else { "rm cc" });
        start.wait().unwrap();
        again.wait().unwrap();
        assert!(!force || rm.code == 0, "{rm}");
        whole(&s, &id, rm.code == 0, &format!("meeting {meeting}"));
    }
    nothing_is_left(&s);
}

#[test]
fn a_start_that_is_killed_and_a_removal_right_after_it() {
    let Some(s) = beyond_the_peer("monitors") else { return };
    for meeting in 0..MEETINGS {
        let id = create(&s);
        let mut start = s.cli().args(["start", "cc"]).spawn();
        std::thread::sleep(Duration::from_millis(meeting * 2));
        start.kill().unwrap();
        let rm = s.x(["rm -f cc", "rm cc", "container prune -f"][usize::try_from(meeting % 3).unwrap()]);
        start.wait().unwrap();
        whole(&s, &id, rm.code == 0 && meeting % 3 != 2, &format!("killed {meeting}"));
    }
    nothing_is_left(&s);
}

#[test]
fn a_start_that_is_killed_and_another_right_after_it() {
    let Some(s) = beyond_the_peer("monitors") else { return };
    for meeting in 0..MEETINGS {
        let id = create(&s);
        let mut start = s.cli().args(["start", "cc"]).spawn();
        std::thread::sleep(Duration::from_millis(meeting * 2));
        start.kill().unwrap();
        s.ok("start cc");
        start.wait().unwrap();
        assert_eq!(s.inspect("cc")["State"]["Running"], true, "killed {meeting}");
        whole(&s, &id, false, &format!("killed {meeting}"));
    }
    nothing_is_left(&s);
}
