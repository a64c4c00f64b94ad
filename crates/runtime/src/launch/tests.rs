//! Births against the real kernel: what a container sees, may do, and is refused. Root only.

use std::os::fd::AsFd;

use stead_mount::{Mount, Ro, Source, TmpfsSpec};

use super::*;
use crate::stage::{Stage, finish, host};
use crate::{Device, Rlimit, Seccomp, capability};

fn status_field(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("{name} in {text}"));
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_program_runs_in_namespaces_of_its_own() {
    let stage = Stage::new();
    let seen = stage.sh(
        "echo $$; hostname; for n in net mnt ipc uts pid; do readlink /proc/self/ns/$n; done; pwd; echo $HOME; umask; echo err >&2; exit 3",
    );
    assert_eq!((seen.status, seen.err.as_str()), (3, "err\n"));
    let lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(&lines[..2], ["1", "stage"]);
    assert_eq!(&lines[7..], ["/", "/root", "0022"]);
    for (line, name) in lines[2..7].iter().zip(["net", "mnt", "ipc", "uts", "pid"]) {
        let ours = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert_ne!(Path::new(line), ours, "{name}");
    }
}

#[test]
fn the_default_confinement_is_dockers() {
    let stage = Stage::new();
    let text = stage.run(&stage.plan(&["cat", "/proc/self/status"])).unwrap().out;
    assert_eq!(status_field(&text, "CapInh"), "0000000000000000");
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(status_field(&text, set), "00000000a80425fb", "{set}");
    }
    assert_eq!(status_field(&text, "CapAmb"), "0000000000000000");
    assert_eq!((status_field(&text, "NoNewPrivs"), status_field(&text, "Seccomp")), ("0".into(), "2".into()));
    assert_eq!(status_field(&text, "Groups"), "0");
    assert_eq!(status_field(&text, "SigIgn"), "0000000000000000", "Rust's own SIGPIPE setting must not reach the program");
    assert_eq!(status_field(&text, "SigBlk"), "0000000000000000");
}

#[test]
fn dev_is_made_from_scratch() {
    let stage = Stage::new();
    stage.write("dev/trap", "from the image");
    let seen = stage.sh("ls /dev; stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx; for l in fd stdin stdout stderr core; do readlink /dev/$l; done; grep ' /dev' /proc/self/mounts");
    let expected = "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\
        /dev/null 1:3 666\n/dev/zero 1:5 666\n/dev/full 1:7 666\n/dev/random 1:8 666\n/dev/urandom 1:9 666\n/dev/tty 5:0 666\n/dev/ptmx 0:0 777\n\
        /proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n/proc/kcore\n";
    assert!(seen.out.starts_with(expected), "{}", seen.out);
    let mounts = &seen.out[expected.len()..];
    for line in [
        "tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755",
        "devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666",
        "shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k",
        "mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime",
    ] {
        assert!(mounts.contains(line), "{line}\n{mounts}");
    }
}

#[test]
fn what_docker_masks_is_masked_and_what_it_protects_is_read_only() {
    let stage = Stage::new();
    let seen = stage.sh("cat /proc/keys | wc -c; for d in /sys/firmware /proc/acpi; do ls $d; done 2>/dev/null; cat /proc/interrupts /proc/timer_list 2>/dev/null; for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/uevent_seqnum /sys/fs/cgroup/x; do (echo x > $f) 2>/dev/null && echo WROTE $f; done; mkdir /sys/fs/cgroup/x 2>/dev/null && echo MADE; echo done");
    assert_eq!(seen.out.split_whitespace().collect::<Vec<_>>(), ["0", "done"], "{seen:?}");
}

#[test]
fn mounts_of_the_kernel_are_as_another_runtime_makes_them() {
    let stage = Stage::new();
    let mounts = stage.sh("cat /proc/self/mounts").out;
    assert!(mounts.contains("proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0"), "{mounts}");
    assert!(mounts.contains("sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0"), "{mounts}");
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"].iter().filter(|path| Path::new(path).exists()) {
        assert!(mounts.contains(&format!("proc {path} proc ro,")), "{path}\n{mounts}");
    }
    for line in mounts.lines().filter(|line| line.contains(" /sys/fs/cgroup")) {
        assert!(line.contains(" ro,nosuid,nodev,noexec"), "{line}");
    }
    assert!(!mounts.contains(&stage.dir.to_string_lossy().into_owned()), "nothing of the host is left\n{mounts}");
}

#[test]
fn an_image_with_links_for_directories_gets_nowhere() {
    for name in ["dev", "proc", "sys"] {
        let stage = Stage::new();
        let canary = stage.dir.join("canary");
        std::fs::create_dir(&canary).unwrap();
        std::fs::remove_dir(stage.path(name)).unwrap();
        std::os::unix::fs::symlink(&canary, stage.path(name)).unwrap();
        let error = stage.run(&stage.plan(&["true"])).unwrap_err();
        assert_eq!(error.message, format!("filesystem {name:?} must be mounted on ordinary directory"));
        assert_eq!(std::fs::read_dir(&canary).unwrap().count(), 0);
    }
}

#[test]
fn nothing_of_the_engine_is_open_in_the_program() {
    let stage = Stage::new();
    let leak = std::fs::File::open("/etc").unwrap();
    process::dup_onto(leak.as_fd(), 55).unwrap();
    let seen = stage.sh("ls /proc/self/fd");
    assert_eq!(seen.out.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is the listing's own");
    for number in [3, 7, 55] {
        let mut plan = stage.plan(&["sh", "-c", "pwd -P"]);
        plan.process.cwd = format!("/proc/self/fd/{number}");
        let error = stage.run(&plan).unwrap_err();
        assert_eq!(error.kind, LaunchErrorKind::Setup, "{error}");
    }
    let program = stage.sh("readlink /proc/1/exe; true");
    assert_eq!(program.out, "/bin/busybox\n");
}

#[test]
fn users_are_those_of_the_image() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "id; echo $HOME; cat /proc/self/status; echo out > /dev/stdout"]);
    plan.process.user = "redis".into();
    plan.process.group_add = vec!["77".into()];
    let seen = stage.run(&plan).unwrap();
    assert!(seen.out.starts_with("uid=999(redis) gid=998(redis) groups=50(extra),77,998(redis)\n/data\n"), "{}", seen.out);
    assert!(seen.out.ends_with("\nout\n"), "its own output can be opened: {}", seen.out);
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(status_field(&seen.out, set), "0000000000000000", "{set}");
    }
    assert_eq!(status_field(&seen.out, "CapBnd"), "00000000a80425fb");
    assert_eq!(status_field(&seen.out, "Groups"), "50 77 998");
    plan.process.user = "nosuch".into();
    assert_eq!(stage.run(&plan).unwrap_err().message, "unable to find user nosuch: no matching entries in passwd file");
}

#[test]
fn strange_passwd_files_are_refused_at_once() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["true"]);
    plan.process.user = "x".into();
    stead_sys::durable::remove_file(&stage.path("etc/passwd")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", stage.path("etc/passwd")).unwrap();
    assert_eq!(stage.run(&plan).unwrap_err().message, "unable to find user x: no matching entries in passwd file");
    stead_sys::durable::remove_file(&stage.path("etc/passwd")).unwrap();
    std::fs::File::create(stage.path("etc/passwd")).unwrap().set_len(10 << 30).unwrap();
    assert!(stage.run(&plan).unwrap_err().message.contains("File too large"));
}

#[test]
fn programs_that_cannot_run_have_dockers_words_and_codes() {
    let stage = Stage::new();
    stage.write("script", "no shebang");
    stage.write("broken", "#!/nosuch\n");
    for name in ["script", "broken"] {
        std::fs::set_permissions(stage.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let fails = |name: &str| {
        let error = stage.run(&stage.plan(&[name])).unwrap_err();
        (error.kind.exit_code(), error.message)
    };
    assert_eq!(fails("nosuch"), (127, "exec: \"nosuch\": executable file not found in $PATH".into()));
    assert_eq!(fails("/nosuch"), (127, "exec: \"/nosuch\": stat /nosuch: no such file or directory".into()));
    assert_eq!(fails("/etc/passwd"), (126, "exec: \"/etc/passwd\": permission denied".into()));
    assert_eq!(fails("/etc"), (126, "exec: \"/etc\": is a directory".into()));
    assert_eq!(fails("/script"), (126, "exec /script: exec format error".into()));
    assert_eq!(fails("/broken"), (127, "exec /broken: no such file or directory".into()));
}

#[test]
fn the_working_directory_is_made_inside() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "pwd"]);
    plan.process.cwd = "/work/deep".into();
    assert_eq!(stage.run(&plan).unwrap().out, "/work/deep\n");
    assert!(stage.path("work/deep").is_dir());
    plan.process.cwd = "/etc/passwd".into();
    assert_eq!(stage.run(&plan).unwrap_err().message, "Cannot mkdir: /etc/passwd is not a directory");
    std::os::unix::fs::symlink("/../../../var/tmp", stage.path("out")).unwrap();
    plan.process.cwd = "/out/inside".into();
    assert_eq!(stage.run(&plan).unwrap().out, "/var/tmp/inside\n");
    assert!(stage.path("var/tmp/inside").is_dir());
}

#[test]
fn options_of_a_process_reach_it() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "ulimit -n; ulimit -Hn; umask; cat /proc/self/oom_score_adj; cat /proc/self/status"]);
    plan.process.rlimits = vec![Rlimit { name: "nofile".into(), soft: 100, hard: 200 }];
    plan.process.umask = Some(0o077);
    plan.process.oom_score_adj = Some(500);
    plan.process.no_new_privileges = true;
    plan.process.caps = capability::resolve(&["NET_ADMIN".into()], &["ALL".into()], false).unwrap();
    let seen = stage.run(&plan).unwrap().out;
    assert!(seen.starts_with("100\n200\n0077\n500\n"), "{seen}");
    assert_eq!((status_field(&seen, "NoNewPrivs"), status_field(&seen, "Seccomp")), ("1".into(), "2".into()));
    assert_eq!((status_field(&seen, "CapEff"), status_field(&seen, "CapBnd")), ("0000000000001000".into(), "0000000000001000".into()));
}

#[test]
fn system_calls_are_filtered_unless_told_otherwise() {
    let stage = Stage::new();
    assert_ne!(stage.sh("mount -t tmpfs x /tmp").status, 0);
    let mut plan = stage.plan(&["sh", "-c", "grep Seccomp: /proc/self/status; mkdir /tmp/x; echo $?"]);
    plan.process.seccomp = Seccomp::Unconfined;
    assert_eq!(stage.run(&plan).unwrap().out, "Seccomp:\t0\n0\n");
    let profile =
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#;
    plan.process.seccomp = Seccomp::Profile(profile.into());
    plan.process.args[2] = "mkdir /tmp/y 2>&1; grep Seccomp: /proc/self/status".into();
    assert_eq!(stage.run(&plan).unwrap().out, "mkdir: can't create directory '/tmp/y': Permission denied\nSeccomp:\t2\n");
}

#[test]
fn a_privileged_container_has_everything() {
    let stage = Stage::new();
    let mut plan = stage.plan(&[
        "sh",
        "-c",
        "cat /proc/self/status; ls /dev | wc -l; mount -t tmpfs x /tmp && echo mounted; grep -c ' /proc/sys ' /proc/self/mounts",
    ]);
    plan.privileged = true;
    plan.process.seccomp = Seccomp::Unconfined;
    plan.process.caps = capability::resolve(&[], &[], true).unwrap();
    let seen = stage.run(&plan).unwrap().out;
    assert_eq!(status_field(&seen, "CapEff"), status_field(&host("/proc/self/status"), "CapEff"));
    let tail: Vec<&str> = seen.lines().rev().take(3).collect();
    assert_eq!((tail[0], tail[1]), ("0", "mounted"));
    assert!(tail[2].parse::<usize>().unwrap() > 16, "the host's devices: {}", tail[2]);
}

#[test]
fn user_mounts_and_a_read_only_root() {
    let stage = Stage::new();
    std::fs::create_dir(stage.dir.join("host")).unwrap();
    let mut plan = stage.plan(&["sh", "-c", "touch /data/made /scratch/x && echo ok; touch /no 2>&1; touch /new/place/x 2>&1"]);
    plan.readonly_rootfs = true;
    plan.mounts = vec![
        Mount::bind(stage.dir.join("host"), "/data"),
        Mount::new(Source::Tmpfs(TmpfsSpec::default()), "/scratch"),
        Mount::bind(stage.dir.join("host"), "/new/place").read_only(Ro::Recursive),
    ];
    plan.engine_files = vec![Mount::bind("/etc/hosts", "/etc/hosts")];
    let seen = stage.run(&plan).unwrap();
    assert_eq!(seen.out, "ok\ntouch: /no: Read-only file system\ntouch: /new/place/x: Read-only file system\n");
    assert!(stage.dir.join("host/made").exists());
}

#[test]
fn limits_reach_the_control_group() {
    let stage = Stage::new();
    let sleeper = stage.sleeper(|plan| {
        plan.cgroup.memory = 64 << 20;
        plan.cgroup.pids_limit = 20;
        plan.cgroup.nano_cpus = 500_000_000;
        plan.cgroup.cpu_shares = 512;
    });
    let stats = cgroup::stats(&sleeper.plan).unwrap();
    assert_eq!(stats.memory_limit, Some(64 << 20));
    assert!(stats.pids >= 1);
    let seen = sleeper.sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do sleep 1 & done; wait");
    assert!(seen.err.contains("can't fork"), "{seen:?}");
    cgroup::freeze(&sleeper.plan, true).unwrap();
    cgroup::freeze(&sleeper.plan, false).unwrap();
    let groups = host(&format!("/proc/{}/cgroup", sleeper.child.pid));
    assert!(
        groups.lines().filter(|line| !line.starts_with("0::") || cgroup::version() == "2").all(|line| line.ends_with(&sleeper.plan.id)),
        "{groups}"
    );
}

#[test]
fn devices_are_those_that_were_given() {
    let stage = Stage::new();
    let mut plan = stage.plan(&[
        "sh",
        "-c",
        "stat -c %t:%T /dev/given/zero; head -c 2 /dev/given/zero | wc -c; mknod /tmp/kmsg c 1 11; head -c 1 /tmp/kmsg 2>&1 | wc -c",
    ]);
    plan.devices = vec![Device { host: "/dev/zero".into(), container: "/dev/given/zero".into(), access: "rwm".into() }];
    let seen = stage.run(&plan).unwrap();
    assert!(seen.out.starts_with("1:5\n2\n"), "{seen:?}");
    plan.process.args[2] = "mknod /tmp/mem c 1 1 && dd if=/tmp/mem of=/dev/null bs=1 count=1".into();
    assert!(stage.run(&plan).unwrap().err.contains("Operation not permitted"), "the control group refuses what was not given");
    plan.devices[0].host = "/dev/nosuch".into();
    assert_eq!(
        stage.run(&plan).unwrap_err().message,
        "error gathering device information while adding custom device \"/dev/nosuch\": no such file or directory"
    );
}

#[test]
fn kernel_parameters_are_set_before_the_program() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; cat /proc/net/dev | grep -c lo:"]);
    plan.sysctls = [("net.ipv4.ip_forward", "1"), ("kernel.msgmax", "9000")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(stage.run(&plan).unwrap().out, "1\n9000\n1\n");
    plan.sysctls = [("net.nosuch".to_owned(), "1".to_owned())].into();
    assert_eq!(stage.run(&plan).unwrap_err().message, "open /proc/sys/net/nosuch: no such file or directory");
}

#[test]
fn a_terminal_is_the_containers_own() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "tty; stty size; stat -c %t /dev/console; ls /dev/pts; echo in job control >/dev/tty"]);
    plan.process.tty = true;
    let child = start(&plan, Stdio::Pty { size: Some(WindowSize { rows: 30, cols: 90 }) }).unwrap();
    let seen = finish(child);
    cgroup::delete(&plan).unwrap();
    assert_eq!(seen.out.replace('\r', ""), "/dev/pts/0\n30 90\n88\n0     ptmx\nin job control\n");
}

#[test]
fn the_small_init_reaps_and_forwards() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "echo $$; cat /proc/1/comm; head -c 10 /proc/1/cmdline; echo; grep Seccomp: /proc/1/status; grep CapEff /proc/1/status; ls /proc/1/fd; (sh -c 'sleep 0.01 &') ; sleep 0.1; grep -l 'State:.Z' /proc/[0-9]*/status | wc -l; exit 7"]);
    plan.init = true;
    let seen = stage.run(&plan).unwrap();
    assert_eq!(seen.status, 7, "{seen:?}");
    assert_eq!(seen.out, "2\nstead-init\nstead-init\nSeccomp:\t2\nCapEff:\t00000000a80425fb\n0\n1\n2\n0\n");
    plan.process.args = ["sh", "-c", "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.01; done"].map(str::to_owned).into();
    let child = start(&plan, Stdio::Pipes { stdin: false }).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    process::pidfd_send_signal(child.pidfd.as_fd(), 15).unwrap();
    let seen = finish(child);
    assert_eq!((seen.status, seen.out.as_str()), (5, "ready\ngot\n"));
    plan.process.args = vec!["nosuch".into()];
    assert_eq!(stage.run(&plan).unwrap_err().kind, LaunchErrorKind::NotFound);
}

#[test]
fn the_small_init_leaves_the_terminal_to_the_program() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.01; done"]);
    plan.init = true;
    plan.process.tty = true;
    let child = start(&plan, Stdio::Pty { size: None }).unwrap();
    let ChildIo::Pty(master) = &child.io else { panic!("no terminal") };
    std::thread::sleep(std::time::Duration::from_millis(100));
    let mut keys = std::fs::File::from(master.try_clone().unwrap());
    std::io::Write::write_all(&mut keys, b"\x03").unwrap();
    let seen = finish(child);
    cgroup::delete(&plan).unwrap();
    assert_eq!((seen.status, seen.out.replace('\r', "").as_str()), (9, "ready\n^Cinterrupted\n"));
}

#[test]
fn no_descriptor_is_a_way_out_for_a_working_directory() {
    let stage = Stage::new();
    let sleeper = stage.sleeper(|_| {});
    let held: Vec<std::fs::File> = (0..5).map(|_| std::fs::File::open("/").unwrap()).collect();
    let mut refused = 0;
    for number in 0..40 {
        let exec = crate::ExecProcess {
            args: vec!["ls".into(), "bin/busybox".into()],
            cwd: format!("/proc/self/fd/{number}"),
            ..Default::default()
        };
        match sleeper.exec(&exec) {
            Ok(seen) => assert!(!seen.out.is_empty() || !seen.err.is_empty(), "{number}: {seen:?}"),
            Err(error) => {
                assert!(error.message.contains("cwd") || error.message.contains("working directory"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 5, "the open directories of the host were tried: {refused}");
    drop(held);
}

#[test]
fn namespaces_of_the_host_and_of_others_are_joined() {
    let stage = Stage::new();
    let sleeper = stage.sleeper(|plan| plan.id.push('a'));
    let of = |name: &str| Path::new("/proc").join(sleeper.child.pid.to_string()).join("ns").join(name);
    let mut plan = stage.plan(&["sh", "-c", "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; true"]);
    plan.namespaces = crate::Namespaces {
        net: NetNamespace::Path(of("net")),
        ipc: Namespace::Path(of("ipc")),
        uts: Namespace::Host,
        pid: Namespace::Path(of("pid")),
        cgroup: Some(Namespace::New),
    };
    let seen = stage.run(&plan).unwrap().out;
    let link = |path: &Path| std::fs::read_link(path).unwrap().to_string_lossy().into_owned();
    let expected = [link(&of("net")), link(&of("ipc")), link(Path::new("/proc/self/ns/uts")), link(&of("pid"))];
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
    plan.namespaces =
        crate::Namespaces { net: NetNamespace::Host, ipc: Namespace::Host, uts: Namespace::Host, pid: Namespace::Host, cgroup: None };
    let seen = stage.run(&plan).unwrap().out;
    let expected: Vec<String> = ["net", "ipc", "uts", "pid"].iter().map(|name| link(&Path::new("/proc/self/ns").join(name))).collect();
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn one_more_process_is_confined_like_the_first() {
    let stage = Stage::new();
    let sleeper = stage.sleeper(|_| {});
    let seen = sleeper.sh("readlink /proc/self/ns/pid; readlink /proc/1/ns/pid; cat /proc/self/status; hostname; ls /proc/self/fd");
    let lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines[0], lines[1], "the same pid namespace");
    assert_eq!(status_field(&seen.out, "CapEff"), "00000000a80425fb");
    assert_eq!(status_field(&seen.out, "CapInh"), "0000000000000000");
    assert_eq!(status_field(&seen.out, "Seccomp"), "2");
    assert!(seen.out.ends_with("stage\n0\n1\n2\n3\n"), "{}", seen.out);
    let as_user = crate::ExecProcess { args: vec!["id".into(), "-u".into()], user: "redis".into(), ..Default::default() };
    assert_eq!(sleeper.exec(&as_user).unwrap().out, "999\n");
    let missing = crate::ExecProcess { args: vec!["nosuch".into()], ..Default::default() };
    assert_eq!(sleeper.exec(&missing).unwrap_err().kind.exit_code(), 127);
    let tty = crate::ExecProcess { args: vec!["tty".into()], tty: true, ..Default::default() };
    let child = crate::exec::start(&sleeper.plan, sleeper.child.pid, &tty, Stdio::Pty { size: None }).unwrap();
    assert_eq!(finish(child).out, "/dev/pts/0\r\n");
    let ours = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let children = std::fs::read_link("/proc/thread-self/ns/pid_for_children").unwrap();
    assert_eq!(ours, children, "this thread's own children stay here");
}

#[test]
fn a_process_of_a_dead_container_is_refused() {
    let stage = Stage::new();
    let sleeper = stage.sleeper(|_| {});
    let (plan, pid) = (sleeper.plan.clone(), sleeper.child.pid);
    drop(sleeper);
    let exec = crate::ExecProcess { args: vec!["true".into()], ..Default::default() };
    let error = crate::exec::start(&plan, pid, &exec, Stdio::Pipes { stdin: false }).unwrap_err();
    assert_eq!(error.message, format!("container {} is not running", plan.id));
}
