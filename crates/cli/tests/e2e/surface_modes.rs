//! Whose namespaces a container lives in, and options that are refused or do what Docker does.
use crate::scene::{busybox, footprint};

/// What a namespace of the container is called.
fn link(s: &stead_testkit::Sandbox, container: &str, name: &str) -> String {
    s.ok(&format!("exec {container} readlink /proc/self/ns/{name}"))
}

#[test]
fn shared_memory_is_shared_by_those_who_may() {
    let s = busybox();
    s.ok("run -d --name donor --network none --ipc shareable --shm-size 5m busybox sh -c 'echo hi >/dev/shm/x; sleep 1000'");
    let id = s.inspect("donor")["Id"].as_str().unwrap().to_owned();
    s.eventually("it wrote", || s.x("exec donor cat /dev/shm/x").code == 0);
    s.ok("run -d --name guest --network none --ipc container:donor busybox sleep 1000");
    assert_eq!(s.ok("exec guest cat /dev/shm/x"), "hi");
    s.ok("exec guest sh -c 'echo back >/dev/shm/y'");
    assert_eq!(s.ok("exec donor cat /dev/shm/y"), "back");
    assert_eq!(link(&s, "guest", "ipc"), link(&s, "donor", "ipc"));
    assert_eq!(s.inspect("guest")["HostConfig"]["IpcMode"], format!("container:{id}"), "names become ids");
    // The dependency is by id: a new name does not break it, a restart finds the donor's new process.
    s.ok("rename donor giver");
    s.ok("restart -t 0 giver");
    s.ok("restart -t 0 guest");
    assert_eq!(link(&s, "guest", "ipc"), link(&s, "giver", "ipc"));
    // A guest of a guest is one as well.
    s.ok("run --rm --network none --ipc container:guest busybox true");
    s.ok("run -d --name alone --network none busybox sleep 1000");
    assert_eq!(s.inspect("alone")["HostConfig"]["IpcMode"], "private");
    s.x("run --rm --network none --ipc container:alone busybox true")
        .exits(125)
        .says("non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
    s.ok("stop -t 0 giver");
    s.x("restart -t 0 guest").exits(1).says(&format!("failed to join IPC namespace: container {id} is not running"));
    s.x("run --rm --network none --ipc container:nope busybox true").exits(125).says("No such container: nope");
}

#[test]
fn no_ipc_means_no_shared_memory() {
    let s = busybox();
    s.x("run --rm --network none --ipc none busybox ls /dev/shm").fails().says("No such file or directory");
    s.x("run --rm --network none --ipc none busybox ls /dev/mqueue").fails();
    let host = std::fs::read_link("/proc/self/ns/ipc").unwrap().display().to_string();
    assert_eq!(s.ok("run --rm --network none --ipc host busybox readlink /proc/self/ns/ipc"), host);
    assert_ne!(s.ok("run --rm --network none --ipc none busybox readlink /proc/self/ns/ipc"), host);
}

#[test]
fn processes_are_seen_by_those_who_join() {
    let s = busybox();
    s.ok("run -d --name donor --network none busybox sleep 4711");
    s.ok("run -d --name guest --network none --pid container:donor busybox sleep 4712");
    assert_eq!(link(&s, "guest", "pid"), link(&s, "donor", "pid"));
    let seen = s.ok("exec donor ps -o args");
    assert!(seen.contains("sleep 4711") && seen.contains("sleep 4712"), "{seen}");
    assert!(s.ok("exec guest ps -o args").contains("sleep 4711"));
    // Each lists its own only.
    assert!(!s.ok("top donor -o pid,args").contains("4712"));
    s.ok("stop -t 0 guest");
    assert_eq!(s.inspect("donor")["State"]["Running"], true);
    s.ok("start guest");
    // The first process of the namespace takes all others with it.
    s.ok("kill donor");
    s.eventually("the guest is gone too", || s.inspect("guest")["State"]["Running"] == false);
    s.x("start guest").exits(1).says("failed to join PID namespace: container");
    let host = std::fs::read_link("/proc/self/ns/pid").unwrap().display().to_string();
    assert_eq!(s.ok("run --rm --network none --pid host busybox readlink /proc/self/ns/pid"), host);
    let host = std::fs::read_link("/proc/self/ns/uts").unwrap().display().to_string();
    assert_eq!(s.ok("run --rm --network none --uts host busybox readlink /proc/self/ns/uts"), host);
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    for shared in ["--network none --uts host", "--network host"] {
        assert_eq!(s.ok(&format!("run --rm {shared} busybox sh -c 'hostname; cat /etc/hostname'")), format!("{name}\n{name}"), "{shared}");
    }
    assert_eq!(s.ok("run --rm --network host --hostname own busybox hostname"), "own");
}

#[test]
fn a_restart_by_policy_joins_the_donor_that_lives_then() {
    let s = busybox();
    s.ok("run -d --name donor --network none --ipc shareable busybox sleep 1000");
    s.ok("run -d --name guest --network none --ipc container:donor --restart always busybox sh -c 'readlink /proc/self/ns/ipc; sleep 0.3'");
    s.eventually("it was born again", || s.ok("logs guest").lines().count() > 1);
    s.ok("restart -t 0 donor");
    let now = link(&s, "donor", "ipc");
    s.eventually("it joins the new one", || s.ok("logs guest").lines().last() == Some(&now));
    s.ok("rm -f guest");
}

/// Refused before anything is made.
const REFUSED: &[(&str, &str)] = &[
    ("--gpus all", "could not select device driver \"\" with capabilities: [[gpu]]"),
    ("--gpus device=0,driver=x", "could not select device driver \"x\" with capabilities: [[gpu]]"),
    ("--uts host --hostname h", "conflicting options: hostname and the UTS mode"),
    ("--ipc bogus", "invalid IPC mode: bogus"),
    ("--isolation hyperv", "linux only supports 'default'"),
    ("--storage-opt size=1g", "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"),
    ("--device-read-bps /dev/nope:1mb", "/dev/nope: no such file or directory"),
    ("--device-write-iops /dev/null:10", "/dev/null: not a block device"),
    ("--device-read-bps /dev/sda:x", "invalid rate for device"),
    ("--device-read-bps sda:1", "bad format for device path"),
    ("--blkio-weight-device /dev/sda:5", "invalid weight for device"),
    ("--cpuset-cpus 4000", "Requested CPUs are not available"),
    ("--cpuset-mems 900", "Requested memory nodes are not available"),
    ("--memory-reservation 1m", "Minimum memory reservation allowed is 6MB"),
    ("--oom-score-adj 2000", "range for oom score adj is [-1000, 1000]"),
    ("--io-maxiops 5", "Windows"),
    ("--runtime nosuch", "unknown or invalid runtime name: nosuch"),
];

#[test]
fn what_cannot_be_is_refused_whole() {
    let s = busybox();
    let before = footprint(&s);
    for (options, text) in REFUSED {
        s.x(&format!("create --network none {options} busybox true")).exits(125).says(text);
        assert_eq!(footprint(&s), before, "{options}");
    }
    s.ok("run --rm --network none --isolation default busybox true");
    s.ok("run --rm --network none --platform linux/amd64 busybox true");
    s.x("run --rm --network none --kernel-memory 50m busybox true").ok().says("Limitation discarded.");
}

#[test]
fn block_devices_are_throttled() {
    let s = busybox();
    let devices = std::fs::read_dir("/sys/block").into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    let Some(name) = devices.into_iter().find(|name| std::path::Path::new("/dev").join(name).exists()) else {
        return stead_testkit::skip("no block device here");
    };
    let numbers = std::fs::read_to_string(format!("/sys/block/{name}/dev")).unwrap().trim().to_owned();
    let id = s.ok(&format!(
        "run -d --name io --network none --device-read-bps /dev/{name}:1mb --device-write-iops /dev/{name}:10 --blkio-weight 300 busybox sleep 1000"
    ));
    let host = s.inspect("io")["HostConfig"].clone();
    assert_eq!(host["BlkioDeviceReadBps"][0], serde_json::json!({"Path": format!("/dev/{name}"), "Rate": 1 << 20}));
    assert_eq!(host["BlkioDeviceWriteIOps"][0]["Rate"], 10);
    let v1 = format!("/sys/fs/cgroup/blkio/stead/{id}/blkio.throttle.read_bps_device");
    match std::fs::read_to_string(&v1) {
        Ok(text) => assert_eq!(text.trim(), format!("{numbers} 1048576")),
        Err(_v2) => assert!(std::fs::read_to_string(format!("/sys/fs/cgroup/stead/{id}/io.max")).unwrap().contains("rbps=1048576")),
    }
}

#[test]
fn a_parent_group_holds_the_containers_own() {
    let s = busybox();
    let parent = format!("stead-parent-{}", std::process::id());
    let id = s.ok(&format!("run -d --name gg --network none --cgroup-parent /{parent} busybox sleep 1000"));
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", s.inspect("gg")["State"]["Pid"])).unwrap();
    assert!(groups.lines().any(|l| l.ends_with(&format!("/{parent}/{id}"))), "{groups}");
    s.ok("rm -f gg");
    for top in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        std::fs::remove_dir(top.path().join(&parent)).ok();
    }
    std::fs::remove_dir(format!("/sys/fs/cgroup/{parent}")).ok();
}
