//! Health checks: the monitor asks, `inspect`, `ps` and the events tell, and no probe outlives its time.
use crate::scene::busybox;
use serde_json::Value;
use std::time::{Duration, Instant};
use stead_testkit::{Command, Sandbox, processes_naming, skip};

fn health(s: &Sandbox, name: &str) -> Value {
    s.inspect(name)["State"]["Health"].clone()
}

fn status(s: &Sandbox, name: &str) -> String {
    health(s, name)["Status"].as_str().unwrap_or("none").to_owned()
}

fn actions(s: &Sandbox, name: &str) -> Vec<String> {
    std::thread::sleep(Duration::from_millis(if s.is_docker() { 1100 } else { 0 }));
    s.ok(&format!("events --since 1h --until 0s -f container={name} --format '{{{{.Action}}}}'")).lines().map(str::to_owned).collect()
}

#[test]
fn from_starting_to_healthy_to_unhealthy_and_back() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd 'echo asked; test -e /tmp/well' --health-interval 300ms --health-retries 2 busybox sh -c 'touch /tmp/well; sleep 600'");
    s.eventually("healthy", || status(&s, "cc") == "healthy");
    assert!(s.ok("ps --format '{{.Status}}'").ends_with("(healthy)"));
    s.ok("exec cc rm /tmp/well");
    s.eventually("unhealthy", || status(&s, "cc") == "unhealthy");
    assert!(s.ok("ps --format '{{.Status}}'").ends_with("(unhealthy)"));
    assert_eq!((s.ok("ps -q --filter health=unhealthy").len(), s.ok("ps -q --filter health=healthy").len()), (12, 0));
    s.eventually("five results are kept", || health(&s, "cc")["FailingStreak"].as_u64() > Some(5));
    let now = health(&s, "cc");
    let log = now["Log"].as_array().unwrap();
    assert_eq!(log.len(), 5);
    assert!(log.iter().all(|r| r["ExitCode"] == 1 && r["Output"] == "asked\n"), "{log:?}");
    assert!(log[0]["Start"].as_str() < log[0]["End"].as_str() && log[0]["End"].as_str() < log[1]["Start"].as_str());
    s.ok("exec cc touch /tmp/well");
    s.eventually("healthy again", || status(&s, "cc") == "healthy");
    assert_eq!(health(&s, "cc")["FailingStreak"], 0);
    let seen = actions(&s, "cc");
    let changes: Vec<&str> = seen.iter().filter_map(|a| a.strip_prefix("health_status: ")).collect();
    assert_eq!(changes, ["healthy", "unhealthy", "healthy"]);
    let first = seen.iter().position(|a| a.starts_with("exec_create")).unwrap();
    assert_eq!(seen[first], "exec_create: /bin/sh -c echo asked; test -e /tmp/well");
    assert_eq!(seen[first + 1], "exec_start: /bin/sh -c echo asked; test -e /tmp/well");
    assert_eq!((seen[first + 2].as_str(), seen[first + 3].as_str()), ("exec_die", "health_status: healthy"));
    s.ok("rm -f cc");
}

#[test]
fn nothing_is_known_before_the_first_probe() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd true --health-interval 1h busybox sleep 600");
    assert!(s.ok("ps --format '{{.Status}}'").ends_with("(health: starting)"));
    assert_eq!(health(&s, "cc"), serde_json::json!({"Status": "starting", "FailingStreak": 0, "Log": []}));
    assert_eq!(s.ok("ps -q --filter health=starting").len(), 12);
    s.ok("rm -f cc");
}

#[test]
fn a_probe_that_takes_too_long_is_killed() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd 'sleep 4321' --health-interval 200ms --health-timeout 300ms --health-retries 2 busybox sleep 600");
    s.eventually("unhealthy", || status(&s, "cc") == "unhealthy");
    let now = health(&s, "cc");
    assert_eq!(
        (now["Log"][0]["ExitCode"].as_i64(), now["Log"][0]["Output"].as_str().unwrap()),
        (Some(-1), "Health check exceeded timeout (300ms)")
    );
    s.eventually("more than two", || health(&s, "cc")["FailingStreak"].as_u64() > Some(3));
    let probes = s.ok("exec cc ps").lines().filter(|l| l.contains("sleep 4321")).count();
    assert!(probes <= 1, "{probes} probes live at once");
    let begun = Instant::now();
    s.ok("rm -f cc");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The output never stops and nobody reads it: the log and the container's own output go on.
#[test]
fn a_noisy_probe_disturbs_nobody() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd 'yes' --health-interval 200ms --health-timeout 500ms busybox sh -c 'while :; do echo line; sleep 0.05; done'");
    s.eventually("asked", || health(&s, "cc")["Log"].as_array().is_some_and(|log| !log.is_empty()));
    let lines = || s.ok("logs cc").lines().count();
    let before = lines();
    s.eventually("the log goes on", || lines() > before + 10);
    s.ok("rm -f cc");
    s.ok(
        "run -d --network none --name dd --health-cmd 'head -c 10000 /dev/zero | tr \"\\000\" x' --health-interval 200ms busybox sleep 600",
    );
    s.eventually("healthy", || status(&s, "dd") == "healthy");
    let output = health(&s, "dd")["Log"][0]["Output"].as_str().unwrap().to_owned();
    assert_eq!(output.len(), 4096 + 3);
    assert!(output.ends_with("xxx..."));
    s.ok("rm -f dd");
}

#[test]
fn failures_in_the_start_period_do_not_count() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd false --health-interval 100ms --health-retries 1 --health-start-period 5s busybox sleep 600");
    let begun = Instant::now();
    s.eventually("results", || {
        health(&s, "cc")["Log"].as_array().is_some_and(|log| !log.is_empty()) || begun.elapsed() > Duration::from_millis(4900)
    });
    assert_eq!((status(&s, "cc"), health(&s, "cc")["FailingStreak"].as_u64()), ("starting".to_owned(), Some(0)));
    s.eventually("unhealthy after it", || status(&s, "cc") == "unhealthy");
    assert!(begun.elapsed() > Duration::from_millis(4900), "{:?}", begun.elapsed());
    s.ok("rm -f cc");
    if s.is_docker() {
        skip("dockerd 20.10 has no start interval");
        return;
    }
    s.ok("run -d --network none --name dd --health-cmd true --health-interval 1h --health-start-period 1m --health-start-interval 100ms busybox sleep 600");
    s.eventually("healthy soon", || status(&s, "dd") == "healthy");
    s.ok("rm -f dd");
}

#[test]
fn stop_pause_and_restart() {
    let s = busybox();
    s.ok("run -d --network none --name cc --health-cmd true --health-interval 300ms busybox sleep 600");
    s.eventually("healthy", || status(&s, "cc") == "healthy");
    s.ok("pause cc");
    assert_eq!(status(&s, "cc"), "unhealthy", "as Docker has it: what is not asked is not well");
    assert!(s.ok("ps --format '{{.Status}}'").ends_with("(Paused)"));
    let asked = || actions(&s, "cc").iter().filter(|a| a.starts_with("exec_create")).count();
    let before = asked();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(asked(), before, "nothing is asked of a paused container");
    s.ok("unpause cc");
    s.eventually("healthy again", || status(&s, "cc") == "healthy");
    s.ok("stop -t 0 cc");
    assert_eq!(status(&s, "cc"), "unhealthy");
    assert!(s.ok("ps -a --format '{{.Status}}'").starts_with("Exited (137)"));
    let kept = health(&s, "cc")["Log"].as_array().unwrap().len();
    assert!(kept > 0, "the log outlives the life");
    s.ok("start cc");
    let now = health(&s, "cc");
    assert_eq!((now["Status"].as_str(), now["FailingStreak"].as_u64()), (Some("starting"), Some(0)));
    assert_eq!(now["Log"].as_array().unwrap().len(), kept);
    s.eventually("and well", || status(&s, "cc") == "healthy");
    s.ok("rm -f cc");
}

#[test]
fn the_images_check_is_the_default() {
    let s = busybox();
    if s.is_docker() {
        skip("dockerd 20.10 cannot import a health check");
        return;
    }
    s.ok("create --name seed busybox true");
    let tar = s.dir().join("root.tar");
    s.cli().args(["export", "-o"]).arg(&tar).arg("seed").run().ok();
    s.cli()
        .args(["import", "-c", "HEALTHCHECK --interval=250ms --retries=1 CMD test -e /tmp/well", "-c", "CMD [\"sleep\", \"600\"]"])
        .arg(&tar)
        .arg("checked:1")
        .run()
        .ok();
    s.ok("run -d --network none --name cc checked:1");
    assert_eq!(s.inspect("cc")["Config"]["Healthcheck"]["Test"][0], "CMD-SHELL");
    s.eventually("unhealthy", || status(&s, "cc") == "unhealthy");
    s.ok("run -d --network none --name dd --health-cmd true checked:1");
    let merged = s.inspect("dd")["Config"]["Healthcheck"].clone();
    assert_eq!(merged, serde_json::json!({"Test": ["CMD-SHELL", "true"], "Interval": 250_000_000, "Retries": 1}));
    s.eventually("healthy", || status(&s, "dd") == "healthy");
    s.ok("run -d --network none --name ee --no-healthcheck checked:1");
    assert_eq!(s.inspect("ee")["Config"]["Healthcheck"]["Test"], serde_json::json!(["NONE"]));
    std::thread::sleep(Duration::from_millis(600));
    assert!(s.inspect("ee")["State"].get("Health").is_none());
    assert_eq!(s.ok("ps --filter health=none --format '{{.Names}}'"), "ee");
    s.ok("rm -f cc dd ee seed");
}

#[test]
fn what_cannot_be_is_refused() {
    let s = busybox();
    let create = |flags: &str| s.x(&format!("create {flags} busybox true")).stderr;
    assert!(create("--health-cmd x --health-interval 100us").contains("Interval in Healthcheck cannot be less than 1ms"));
    assert!(create("--health-cmd x --health-timeout 1ns").contains("Timeout in Healthcheck cannot be less than 1ms"));
    assert!(create("--health-cmd x --health-start-period 1us").contains("StartPeriod in Healthcheck cannot be less than 1ms"));
    assert!(create("--health-cmd x --health-interval -1s").contains("--health-interval cannot be negative"));
    assert!(create("--health-cmd x --health-retries -1").contains("--health-retries cannot be negative"));
    assert!(create("--no-healthcheck --health-cmd x").contains("--no-healthcheck conflicts with --health-* options"));
    assert!(create("--health-interval soon").contains("invalid argument \"soon\" for \"--health-interval\" flag: time: invalid duration"));
    assert!(s.ok("ps -aq").is_empty());
}

/// A program that is not there is a failure like any other, and the container lives.
#[test]
fn a_probe_that_cannot_be_run_fails() {
    let s = busybox();
    s.ok("create --network none --name cc --health-cmd true --health-interval 200ms --health-retries 1 busybox sh -c 'rm /bin/sh; exec sleep 600'");
    s.ok("start cc");
    s.eventually("unhealthy", || status(&s, "cc") == "unhealthy");
    let log = health(&s, "cc")["Log"][0].clone();
    assert_eq!(log["ExitCode"], -1);
    assert!(log["Output"].as_str().unwrap().contains("/bin/sh"), "{log}");
    assert_eq!(s.inspect("cc")["State"]["Running"], true);
    s.ok("rm -f cc");
}

/// The monitor dies in the middle of a probe: nothing of it stays.
#[test]
fn a_killed_monitor_takes_its_probe_along() {
    let s = busybox();
    if s.is_docker() {
        skip("the peer has no monitor");
        return;
    }
    let id = s.ok("run -d --network none --name cc --health-cmd 'sleep 600' --health-interval 100ms --health-timeout 1h busybox sleep 600");
    s.eventually("asked", || actions(&s, "cc").iter().any(|a| a.starts_with("exec_start")));
    std::thread::sleep(Duration::from_millis(200));
    let ours = processes_naming(s.root().to_str().unwrap());
    for (pid, line) in &ours {
        if line.contains(&id) {
            Command::new("kill").args(["-9", &pid.to_string()]).run().ok();
        }
    }
    s.eventually("everything is gone", || processes_naming(s.root().to_str().unwrap()).is_empty());
    assert_eq!(s.inspect("cc")["State"]["Status"], "exited");
    s.ok("start cc");
    assert_eq!(status(&s, "cc"), "starting");
    s.ok("rm -f cc");
}
