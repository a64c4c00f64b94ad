//! What comes up with the machine: `start --all`, restart policies after a reboot, and the units for systemd.
use crate::scene::{STEAD, beyond_the_peer};
use std::path::Path;
use stead_testkit::{Sandbox, processes_naming, skip};

/// The machine goes down and comes up again: nothing runs, and what is true of running containers only is forgotten.
fn reboot(s: &Sandbox) {
    for (pid, _) in processes_naming(s.root().to_str().unwrap()) {
        stead_testkit::Command::new("kill").args(["-9", &pid.to_string()]).run().ok();
    }
    s.eventually("everything is dead", || processes_naming(s.root().to_str().unwrap()).is_empty());
    stead_testkit::unmount_below(s.dir());
    std::fs::remove_dir_all(s.run_root()).unwrap();
}

const COMES_BACK: &str = "start --all --filter restart-policy=always --filter restart-policy=unless-stopped";

#[test]
fn policies_bring_containers_back_after_a_reboot() {
    let Some(s) = beyond_the_peer("restarts after a reboot") else { return };
    let run = |name: &str, policy: &str| s.ok(&format!("run -d --name {name} --restart {policy} busybox sleep 600"));
    run("always", "always");
    run("unless", "unless-stopped");
    run("hand-always", "always");
    run("hand-unless", "unless-stopped");
    run("again", "unless-stopped");
    run("failure", "on-failure");
    run("none", "no");
    s.ok("create --name never --restart always busybox sleep 600");
    s.ok("stop -t 0 hand-always hand-unless again");
    s.ok("start again");
    reboot(&s);
    assert_eq!(s.ok("ps -q"), "");
    let mut started = s.x(COMES_BACK).ok().lines();
    assert_eq!(started.first().map(String::as_str), Some("always"), "the oldest comes first");
    started.sort();
    assert_eq!(started, ["again", "always", "hand-always", "unless"]);
    let mut running = s.x("ps --format {{.Names}}").ok().lines();
    running.sort();
    assert_eq!(running, started);
    assert_eq!(s.ok(COMES_BACK), "", "what runs is left alone");
    // By hand everything can be started, and a filter chooses.
    assert_eq!(s.ok("start --all --filter name=never"), "never");
    s.ok("rm -f failure");
    let mut rest = s.x("start --all").ok().lines();
    rest.sort();
    assert_eq!(rest, ["hand-unless", "none"]);
}

#[test]
fn one_that_cannot_start_hinders_no_other() {
    let Some(s) = beyond_the_peer("start --all") else { return };
    let dir = s.mkdir("gone");
    s.ok(&format!("create --name bad --label x --mount type=bind,src={},dst=/m busybox true", dir.display()));
    s.ok("create --name good --label x busybox sleep 600");
    s.ok("create --name other busybox sleep 600");
    std::fs::remove_dir(&dir).unwrap();
    let answer = s.x("start --all --filter label=x").exits(1);
    assert_eq!(answer.lines(), ["good"]);
    assert!(answer.stderr.contains("bad: "), "{}", answer.stderr);
    s.x("start").exits(1).says("requires at least 1 argument");
    s.x("start --filter label=x").exits(1).says("--filter needs --all");
    s.x("start --all good").exits(1).says("conflicting options");
    s.x("start --all --filter nonsense=x").exits(1).says("invalid filter 'nonsense'");
}

#[test]
fn units_are_written_once_checked_by_systemd_and_removed() {
    let Some(s) = beyond_the_peer("system service") else { return };
    let units = s.dir().join("a dir/units");
    let at = |verb: &str| s.cli().args(["system", "service", verb, "--dir"]).arg(&units).run();
    let names = ["stead.socket", "stead.service", "stead-restart.service", "stead-run-due.service", "stead-run-due.timer"];
    at("status").exits(1).prints("missing");
    let said = at("install").ok().text();
    assert!(said.contains("Wrote") && said.contains("Nothing was enabled"), "{said}");
    for name in names {
        let text = std::fs::read_to_string(units.join(name)).unwrap();
        assert!(text.starts_with("# Written by `stead system service install`"), "{text}");
        assert!(!name.ends_with(".service") || text.contains(&format!("--root \"{}\"", s.root().display())), "{text}");
    }
    assert!(!at("install").ok().text().contains("Wrote"), "a second time changes nothing");
    at("status").ok();
    verify(&units, &names);
    std::fs::write(units.join("stead.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    at("install").exits(1).says("was not written by stead");
    at("status").exits(1).prints("foreign");
    let said = at("uninstall").ok().text();
    assert!(said.contains("Left") && units.join("stead.service").exists() && !units.join("stead.socket").exists(), "{said}");
    std::fs::remove_file(units.join("stead.service")).unwrap();
    assert_eq!(at("uninstall").ok().text(), "Nothing is installed.");
}

/// Systemd's own opinion, where it is installed.
fn verify(units: &Path, names: &[&str]) {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return skip("no systemd-analyze here: install systemd");
    }
    let paths: Vec<_> = names.iter().map(|name| units.join(name)).collect();
    let path = format!("{}:", units.display());
    let answer = stead_testkit::Command::new("/usr/bin/systemd-analyze")
        .env("SYSTEMD_UNIT_PATH", &path)
        .args(["verify", "--man=no"])
        .args(&paths)
        .run();
    let ours: Vec<&str> = answer.stderr.lines().filter(|line| line.contains("stead")).collect();
    assert!(answer.code == 0 && ours.is_empty(), "{answer}");
}

#[test]
fn the_restart_unit_runs_what_it_says() {
    let Some(s) = beyond_the_peer("system service") else { return };
    let units = s.mkdir("units");
    s.cli().args(["system", "service", "install", "--dir"]).arg(&units).run().ok();
    s.ok("run -d --name cc --restart unless-stopped busybox sleep 600");
    reboot(&s);
    let text = std::fs::read_to_string(units.join("stead-restart.service")).unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("ExecStart=")).unwrap();
    assert!(line.contains(STEAD), "{line}");
    // Without odd characters in the paths systemd's words are a shell's words.
    assert_eq!(stead_testkit::Command::new("/bin/sh").args(["-c", line]).run().ok().text(), "cc");
    assert_eq!(s.inspect("cc")["State"]["Running"], true);
}
