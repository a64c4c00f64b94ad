//! What a process finds around it: namespaces, devices, capabilities, seccomp, masked paths, limits, terminals.
use crate::scene::{STEAD, busybox};
use stead_testkit::{Command, cgroup_dirs_of, skip};

/// Whether this machine lets us raise limits and use every capability; runc fails where it does not, stead clamps.
fn can_raise() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caps = status.lines().find_map(|l| l.strip_prefix("CapEff:")).unwrap().trim().to_owned();
    u64::from_str_radix(&caps, 16).unwrap() & (1 << 24) != 0
}

#[test]
fn capabilities_are_dockers_and_inheritable_is_zero() {
    let s = busybox();
    let caps = |how: &str| s.ok(&format!("run --rm {how} busybox grep ^Cap /proc/self/status")).replace('\t', " ");
    assert_eq!(
        caps(""),
        "CapInh: 0000000000000000\nCapPrm: 00000000a80425fb\nCapEff: 00000000a80425fb\nCapBnd: 00000000a80425fb\nCapAmb: 0000000000000000"
    );
    assert!(caps("--cap-drop ALL --cap-add NET_ADMIN").contains("CapEff: 0000000000001000"));
    assert!(caps("--cap-drop CHOWN --cap-add CAP_SYS_TIME").contains("CapEff: 00000000aa0425fa"));
    let user = caps("-u 1000");
    assert!(user.contains("CapEff: 0000000000000000") && user.contains("CapBnd: 00000000a80425fb"), "{user}");
    if !s.is_docker() || can_raise() {
        let all = caps("--privileged");
        assert!(!all.contains("CapEff: 00000000a80425fb") && all.contains("CapInh: 0000000000000000"), "{all}");
    }
}

#[test]
fn seccomp_is_a_filter_unless_told_otherwise() {
    let s = busybox();
    let mode = |how: &str| s.ok(&format!("run --rm {how} busybox grep -w Seccomp: /proc/self/status"));
    assert_eq!(mode(""), "Seccomp:\t2");
    assert_eq!(mode("--security-opt seccomp=unconfined"), "Seccomp:\t0");
    if !s.is_docker() || can_raise() {
        assert_eq!(mode("--privileged"), "Seccomp:\t0");
    }
    s.x("run --rm busybox unshare -U true").fails().says("Operation not permitted");
    s.x("run --rm busybox mount -t tmpfs x /mnt").fails();
    let profile = serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}]});
    std::fs::write(s.dir().join("p.json"), profile.to_string()).unwrap();
    s.x("run --rm --security-opt seccomp=./p.json busybox mkdir /x").fails();
    s.x("run --rm --security-opt seccomp=./p.json busybox touch /x").ok();
    s.x("run --rm --security-opt seccomp=./none.json busybox true").exits(125).says("none.json");
}

#[test]
fn no_new_privileges() {
    let s = busybox();
    let of = |how: &str| s.ok(&format!("run --rm {how} busybox grep NoNewPrivs /proc/self/status"));
    assert_eq!(of("--security-opt no-new-privileges"), "NoNewPrivs:\t1");
    assert_eq!(of(""), "NoNewPrivs:\t0");
}

#[test]
fn masked_and_read_only_paths() {
    let s = busybox();
    let out = s.ok("run --rm busybox sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do [ ! -e $f ] || wc -c <$f; done; ls /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w'");
    assert!(out.lines().all(|l| l.trim() == "0"), "{out}");
    for path in ["/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/profiling"] {
        s.x(&format!("run --rm busybox sh -c 'echo x >{path}'")).fails();
    }
    assert!(s.ok("run --rm busybox grep ' /sys ' /proc/mounts").contains(" ro,"));
    if !s.is_docker() || can_raise() {
        assert!(s.ok("run --rm --privileged busybox grep ' /sys ' /proc/mounts").contains(" rw,"));
    }
    s.x("run --rm busybox mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/x/y").fails();
}

#[test]
fn dev_is_made_from_scratch() {
    let s = busybox();
    let out = s.ok("run --rm busybox sh -c 'for f in null zero full random urandom tty; do stat -c \"%n %t:%T %a\" /dev/$f; done; ls -l /dev/fd /dev/stdin /dev/ptmx | sed \"s/.* \\///\"; ls /dev'");
    for want in [
        "/dev/null 1:3 666",
        "/dev/zero 1:5 666",
        "/dev/full 1:7 666",
        "/dev/random 1:8 666",
        "/dev/urandom 1:9 666",
        "/dev/tty 5:0 666",
        "proc/self/fd",
        "pts",
        "shm",
        "mqueue",
    ] {
        assert!(out.contains(want), "{want} in {out}");
    }
    assert!(!out.lines().any(|l| l.starts_with("vd") || l.starts_with("loop")), "no device of the host: {out}");
    s.x("run --rm busybox sh -c 'mknod /x b 7 0 && cat /x'").fails();
    s.ok("run --rm busybox sh -c 'echo x >/dev/null; echo ok >/dev/stderr'");
}

#[test]
fn own_namespaces_and_no_stray_descriptors() {
    let s = busybox();
    assert_eq!(s.ok("run --rm busybox sh -c 'echo $$'"), "1");
    assert_eq!(s.ok("run --rm busybox ls /proc/self/fd").lines().count(), 4, "0 1 2 and the directory itself");
    for ns in ["mnt", "pid", "ipc", "uts", "net"] {
        let host = std::fs::read_link(format!("/proc/self/ns/{ns}")).unwrap();
        assert_ne!(s.ok(&format!("run --rm busybox readlink /proc/self/ns/{ns}")), host.to_str().unwrap());
    }
    assert_eq!(s.ok("run --rm busybox sh -c 'umask'"), "0022");
    if !s.is_docker() {
        let table = s.ok("run --rm busybox cat /proc/self/mountinfo");
        assert!(!table.contains(" /oldroot") && !table.contains("/var/lib/stead"), "nothing of the host is mounted: {table}");
    }
}

#[test]
fn a_limit_above_ours_is_clamped_not_fatal() {
    let s = busybox();
    if s.is_docker() && !can_raise() {
        skip("runc does not clamp, and here there is no CAP_SYS_RESOURCE");
        return;
    }
    s.x("run --rm --ulimit nofile=999999:999999 busybox sh -c 'ulimit -n'").ok();
}

#[test]
fn a_terminal() {
    let s = busybox();
    let script = |cmd: &str| {
        Command::new("script")
            .args(["-qec", cmd, "/dev/null"])
            .env("HOME", s.dir())
            .env("DOCKER_CONFIG", s.dir())
            .dir(s.dir())
            .env("TERM", "xterm")
            .run()
    };
    let out =
        script(&format!("{} run --rm -it busybox sh -c 'tty; test -t 0 && test -t 1 && echo both; stat -c %t /dev/console'", s.shell()));
    assert!(out.code == 0 && out.text().contains("/dev/pts/0") && out.text().contains("both") && out.text().contains("88"), "{out}");
    let out = script(&format!("stty rows 33 cols 101; {} run --rm -it busybox sh -c 'sleep 0.3; stty size'", s.shell()));
    assert!(out.text().contains("33 101"), "{out}");
    s.ok("run -d --name cc busybox sleep 600");
    let out = script(&format!("{} exec -it cc sh -c 'tty; exit 5'", s.shell()));
    assert!(out.code == 5 && out.text().contains("/dev/pts/"), "{out}");
    // -it without a terminal on our side.
    s.x("run --rm -it busybox true").exits(1).says("the input device is not a TTY");
    s.ok("run -dt --name tt busybox sh -c 'tty; sleep 600'");
    s.eventually("a pty without us", || s.ok("logs tt").contains("/dev/pts/0"));
    s.ok("rm -f cc tt");
}

#[test]
fn detach_keys_leave_it_running() {
    let s = busybox();
    s.ok("run -dit --name cc busybox sh");
    let cmd =
        format!("(sleep 1; printf 'echo hi\\n'; sleep 1; printf '\\020\\021'; sleep 1) | script -qec '{} attach cc' /dev/null", s.shell());
    let out = Command::new("sh").args(["-c", &cmd]).env("HOME", s.dir()).env("DOCKER_CONFIG", s.dir()).dir(s.dir()).run();
    assert!(out.text().contains("hi"), "{out}");
    assert_eq!(s.inspect("cc")["State"]["Running"], true);
    s.ok("rm -f cc");
}

#[test]
fn crun_runs_the_same_bundle() {
    let s = busybox();
    if s.is_docker() {
        skip("dockerd is not told about crun here");
        return;
    }
    // crun 1.8 refuses a machine where version 2 control groups beside version 1 keep a controller; a mount namespace hides them from it.
    let hide = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";
    let x = |line: &str| s.cli().args(stead_testkit::split(line)).wrapped("unshare", &["-m", "sh", "-c", hide, "sh"]).run();
    let look = "sh -c 'echo $(id -u) $(hostname) $(pwd); grep CapEff /proc/self/status; ls /d; exit 3'";
    s.ok("run --rm -v data:/d busybox touch /d/f");
    let ours = x(&format!("run --rm --hostname h -w /tmp -v data:/d busybox {look}")).exits(3);
    let crun = x(&format!("run --rm --runtime crun --hostname h -w /tmp -v data:/d busybox {look}")).exits(3);
    assert_eq!(ours.text(), crun.text());
    x("run -d --name cc --runtime crun busybox sleep 600").ok();
    assert_eq!(x("exec cc echo inside").ok().text(), "inside");
    x("stop -t 0 cc").ok();
    x("rm cc").ok();
    s.x("run --rm --runtime nosuch busybox true").exits(125).says("nosuch");
}

#[test]
fn cgroups_are_gone_after_the_container() {
    let s = busybox();
    let id = s.ok("run -d --name cc busybox sleep 600");
    assert!(!cgroup_dirs_of(&id).is_empty());
    s.ok("rm -f cc");
    assert!(cgroup_dirs_of(&id).is_empty());
}

#[test]
fn the_binary_cannot_be_rewritten_from_inside() {
    let s = busybox();
    let before = std::fs::read(STEAD).unwrap();
    s.ok("run -d --name cc busybox sleep 600");
    s.x("exec cc sh -c 'for p in /proc/[0-9]*/exe; do (echo broken >$p) 2>/dev/null; done; true'").ok();
    s.x("run --rm --entrypoint /proc/self/exe busybox true").fails();
    assert_eq!(before, std::fs::read(STEAD).unwrap());
    s.ok("rm -f cc");
}

#[test]
fn a_user_with_groups_in_the_image() {
    let s = crate::scene::with(&["hostile-groups"]);
    assert_eq!(s.ok("run --rm hostile:groups id -G"), "1500 5000 5001");
}
