//! The process that stays with a container: it outlives the command line, keeps the log, restarts, and tells the truth about the end.
use crate::scene::{busybox, names};
use std::time::{Duration, Instant};
use stead_testkit::processes_naming;

#[test]
fn it_outlives_the_command_line_and_nothing_else_stays() {
    let s = busybox();
    let id = s.ok("run -d --name cc busybox sh -c 'echo one; sleep 1; echo two; sleep 600'");
    s.eventually("logs go on", || s.ok("logs cc") == "one\ntwo");
    if !s.is_docker() {
        let ours = processes_naming(s.root().to_str().unwrap());
        assert_eq!(ours.len(), 1, "one monitor and no other process: {ours:?}");
        assert!(ours[0].1.contains(&id) || ours[0].1.contains("monitor"), "{ours:?}");
    }
    s.ok("rm -f cc");
}

#[test]
fn a_killed_foreground_command_leaves_the_container_to_its_monitor() {
    let s = busybox();
    let mut child = s.cli().args(["run", "--name", "cc", "busybox", "sh", "-c", "sleep 1; echo after; sleep 1; exit 6"]).spawn();
    s.eventually("running", || s.ok("ps -q").len() == 12);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(s.ok("wait cc"), "6");
    assert_eq!(s.ok("logs cc"), "after");
}

#[test]
fn signals_are_forwarded_by_a_foreground_run() {
    let s = busybox();
    let mut child = s
        .cli()
        .args(["run", "--rm", "--name", "cc", "busybox", "sh", "-c", "trap 'exit 8' TERM; echo up; while :; do sleep 0.1; done"])
        .spawn();
    s.eventually("up", || s.x("logs cc").text() == "up");
    let pid = child.id();
    stead_testkit::Command::new("kill").args(["-TERM", &pid.to_string()]).run().ok();
    assert_eq!(child.wait().unwrap().code(), Some(8));
    s.eventually("--rm", || s.ok("ps -aq").is_empty());
}

#[test]
fn restart_on_failure_counts_and_gives_up() {
    let s = busybox();
    s.ok("run -d --name cc --restart on-failure:3 -v data:/d busybox sh -c 'echo run >>/d/log; exit 1'");
    s.eventually("gave up", || s.inspect("cc")["State"]["Status"] == "exited");
    assert_eq!(std::fs::read_to_string(s.data("data").join("log")).unwrap().lines().count(), 4);
    assert_eq!(s.inspect("cc")["RestartCount"], 3);
    s.ok("run -d --name dd --restart on-failure busybox true");
    assert_eq!(s.ok("wait dd"), "0");
    assert_eq!(s.inspect("dd")["RestartCount"], 0);
}

#[test]
fn restart_always_backs_off_and_stops_when_told() {
    let s = busybox();
    let began = Instant::now();
    s.ok("run -d --name cc --restart always -v data:/d busybox sh -c 'echo run >>/d/log'");
    let runs = || std::fs::read_to_string(s.data("data").join("log")).unwrap_or_default().lines().count();
    s.eventually("five runs", || runs() >= 5);
    // 100 + 200 + 400 + 800 ms
    assert!(began.elapsed() > Duration::from_millis(1300), "the back-off doubles");
    assert_eq!(s.inspect("cc")["HostConfig"]["RestartPolicy"]["Name"], "always");
    s.ok("stop cc");
    let after = runs();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(after, runs());
    assert_eq!(s.inspect("cc")["State"]["Running"], false);
    s.ok("start cc");
    s.eventually("starts again", || runs() > after);
    s.ok("rm -f cc");
}

#[test]
fn a_killed_process_is_restarted_unless_stopped() {
    let s = busybox();
    s.ok("run -d --name cc --restart unless-stopped busybox sleep 600");
    let first = s.inspect("cc")["State"]["Pid"].as_i64().unwrap();
    stead_testkit::Command::new("kill").args(["-9", &first.to_string()]).run().ok();
    s.eventually("another process", || s.inspect("cc")["State"]["Pid"].as_i64().is_some_and(|p| p != 0 && p != first));
    s.ok("kill cc");
    s.eventually("kill is a stop by hand", || s.inspect("cc")["State"]["Running"] == false);
    s.ok("rm cc");
}

#[test]
fn the_exit_status_is_on_disk() {
    let s = busybox();
    s.x("run --name cc busybox sh -c 'exit 42'").exits(42);
    let state = s.inspect("cc")["State"].clone();
    assert_eq!((state["ExitCode"].as_i64(), state["Error"].as_str(), state["OOMKilled"].as_bool()), (Some(42), Some(""), Some(false)));
    assert!(state["FinishedAt"].as_str().unwrap() >= state["StartedAt"].as_str().unwrap());
    if !s.is_docker() {
        let id = s.ok("ps -aq --no-trunc");
        assert!(names(&s.root().join("containers").join(id)).contains(&"exit.json".to_owned()));
    }
    assert_eq!(s.ok("wait cc"), "42");
}

#[test]
fn many_waiters_and_a_wait_on_several() {
    let s = busybox();
    s.ok("run -d --name aa busybox sh -c 'sleep 1; exit 1'");
    s.ok("run -d --name bb busybox sh -c 'sleep 1; exit 2'");
    let waits: Vec<_> = (0..6).map(|_| s.cli().args(["wait", "aa", "bb"])).map(|c| std::thread::spawn(move || c.run())).collect();
    for wait in waits {
        assert_eq!(wait.join().unwrap().ok().text(), "1\n2");
    }
}

#[test]
fn private_memory_stays_small() {
    let s = busybox();
    if s.is_docker() {
        stead_testkit::skip("a limit of our own");
        return;
    }
    s.ok("run -d --name cc busybox sh -c 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; sleep 600'");
    s.eventually("written", || s.ok("logs --tail 1 cc").contains("19999"));
    let ours = processes_naming(s.root().to_str().unwrap());
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", ours[0].0)).unwrap();
    // What it has written to. Pages of the program's file are the page cache's; they count as private whenever nobody else happens to map them.
    let kib: u64 = smaps
        .lines()
        .filter(|l| l.starts_with("Private_Dirty"))
        .map(|l| l.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(kib <= 2048, "{kib} KiB\n{smaps}");
    s.ok("rm -f cc");
}

/// A container of --rm may be restarted; it goes at its last end only (moby's HasBeenManuallyRestarted).
#[test]
fn a_restart_does_not_remove_a_container_of_rm() {
    let s = busybox();
    s.ok("run -d --rm --name cc -v data:/d busybox sh -c 'echo run >>/d/log; touch /in-the-layer; sleep 600'");
    s.eventually("it ran", || s.data("data").join("log").exists());
    s.ok("restart -t 0 cc");
    s.eventually("it ran again", || std::fs::read_to_string(s.data("data").join("log")).unwrap().lines().count() == 2);
    s.ok("exec cc ls /in-the-layer");
    s.ok("stop -t 0 cc");
    s.eventually("removed at its end", || s.ok("ps -aq").is_empty());
}
