//! The same plan through crun: it runs, and what a program sees there is what our own runtime shows it. Root and crun only.

use super::*;
use crate::capability;
use crate::launch::{self, WindowSize};
use crate::stage::{Stage, finish};
use stead_mount::{Mount, Source, TmpfsSpec};

/// What both runtimes must agree on.
const LOOK: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid|SigIgn)' /proc/self/status; echo $HOME; pwd; hostname; umask; ls /dev; \
    for d in fd stdin stdout stderr; do readlink /dev/$d; done; ls /proc/self/fd; ls /proc/scsi /sys/firmware /proc/acpi 2>&1; cat /proc/keys /proc/timer_list; \
    (echo x > /proc/sys/kernel/core_pattern) 2>&1; cat /sys/fs/cgroup/pids/pids.max";

fn crun() -> bool {
    find("crun").is_ok()
}

#[test]
fn crun_and_we_show_a_program_the_same() {
    if !crun() {
        return;
    }
    let stage = Stage::new();
    for user in ["", "redis", "1234:50"] {
        let mut plan = stage.plan(&["sh", "-c", LOOK]);
        plan.process.user = user.into();
        plan.process.cwd = "/tmp".into();
        plan.cgroup.pids_limit = 50;
        plan.process.caps = capability::resolve(&["SYS_PTRACE".into()], &["CHOWN".into()], false).unwrap();
        let ours = stage.run(&plan).unwrap();
        plan.runtime = Some("crun".into());
        let theirs = stage.run(&plan).unwrap();
        assert_eq!(ours.out, theirs.out, "user {user:?}");
        assert_eq!((ours.status, &ours.err), (theirs.status, &theirs.err));
    }
}

/// Target, type and attributes of each mount, without what a runtime may choose: order, source names, sizes, and what a covered path is
/// covered with (crun: the host's /dev/null, read-only; runc and we: the container's own).
fn table(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let flags: Vec<&str> = words[3].split(',').filter(|flag| ["ro", "rw", "nosuid", "nodev", "noexec"].contains(flag)).collect();
            let covered = words[1].starts_with("/proc/") || words[1].starts_with("/sys/");
            if covered { words[1].to_owned() } else { format!("{} {} {}", words[1], words[2], flags.join(",")) }
        })
        .filter(|line| !line.starts_with("/sys/fs/cgroup"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn crun_and_we_mount_the_same() {
    if !crun() {
        return;
    }
    let stage = Stage::new();
    std::fs::create_dir(stage.dir.join("host")).unwrap();
    let mut plan = stage.plan(&["cat", "/proc/self/mounts"]);
    plan.mounts = vec![Mount::bind(stage.dir.join("host"), "/data"), Mount::new(Source::Tmpfs(TmpfsSpec::default()), "/scratch")];
    let ours = table(&stage.run(&plan).unwrap().out);
    plan.runtime = Some("crun".into());
    let theirs = table(&stage.run(&plan).unwrap().out);
    assert_eq!(ours, theirs);
}

#[test]
fn crun_gives_a_terminal_and_exit_codes() {
    if !crun() {
        return;
    }
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "tty; stty size; exit 4"]);
    plan.runtime = Some("crun".into());
    plan.process.tty = true;
    let child = launch::start(&plan, Stdio::Pty { size: Some(WindowSize { rows: 20, cols: 70 }) }).unwrap();
    let seen = finish(child);
    crate::cgroup::delete(&plan).unwrap();
    assert_eq!((seen.status, seen.out.replace('\r', "").as_str()), (4, "/dev/pts/0\n20 70\n"));
    plan.process.tty = false;
    plan.process.args = vec!["nosuch".into()];
    let error = stage.run(&plan).unwrap_err();
    assert_eq!((error.kind, error.message.contains("nosuch")), (LaunchErrorKind::NotFound, true), "{error}");
}

#[test]
fn unknown_runtimes_are_refused() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["true"]);
    for name in ["nosuch", "/nosuch", "", "../bin/sh"] {
        plan.runtime = Some(name.into());
        assert_eq!(stage.run(&plan).unwrap_err().message, format!("unknown or invalid runtime name: {name}"));
    }
}
