//! Who uses a volume, since when, who did last, and how big it is: shown without ever waiting for a volume that does not answer.
use crate::door::Door;
use crate::scene::beyond_the_peer;
use serde_json::Value;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file system that takes every question and answers none, as an NFS server that is gone. Dropped, the kernel gives its askers an error.
struct Silent {
    at: PathBuf,
    _device: std::fs::File,
}

impl Silent {
    fn on(at: &Path) -> Self {
        let device = std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0\0", device.as_raw_fd());
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).unwrap();
        rustix::mount::mount("silent", at, "fuse.silent", rustix::mount::MountFlags::empty(), options).unwrap();
        Self { at: at.to_owned(), _device: device }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

fn status(s: &stead_testkit::Sandbox, name: &str) -> Value {
    s.x(&format!("volume inspect {name}")).ok().json()[0]["Status"].take()
}

#[test]
fn users_since_when_and_who_did_last() {
    let Some(s) = beyond_the_peer("users of volumes") else { return };
    s.ok("volume create data");
    let fresh = status(&s, "data");
    assert!(fresh.get("Users").is_none() && fresh.get("LastUsed").is_none(), "{fresh}");
    s.ok("run -d --name writer --network none -v data:/d -v data:/again:ro busybox sleep 600");
    s.ok("run -d --name reader --network none -v data:/d:ro busybox sleep 600");
    s.ok("create --name stopped --network none -v data:/d busybox");
    let now = status(&s, "data");
    let users: Vec<(&str, &str)> =
        now["Users"].as_array().unwrap().iter().map(|u| (u["Name"].as_str().unwrap(), u["Mode"].as_str().unwrap())).collect();
    assert_eq!(users, [("reader", "ro"), ("writer", "rw")], "one line a container, and only those that run: {now}");
    assert_eq!(now["Users"][1]["Since"], s.inspect("writer")["State"]["StartedAt"]);
    assert_eq!(now["LastUsedBy"], "reader");
    let line = s.ok("volume ls --format '{{.Name}} {{.Access}} {{.Users}} {{.LastUsed}}'");
    assert!(line.starts_with("data shared reader (ro, ") && line.contains("writer (rw, ") && line.ends_with(" now"), "{line}");
    s.ok("rm -f reader");
    s.ok("stop -t 0 writer");
    // The monitor's last act.
    s.eventually("the end is noted", || status(&s, "data")["LastUsedBy"] == "writer");
    let after = status(&s, "data");
    assert!(after.get("Users").is_none(), "{after}");
    assert!(after["LastUsed"].as_str().unwrap() >= now["LastUsed"].as_str().unwrap(), "{after}");
    // Docker's own columns and JSON are as they are.
    let plain = s.ok("volume ls --format json");
    assert!(!plain.contains("Users") && !plain.contains("LastUsed") && plain.contains("\"Size\":\"N/A\""), "{plain}");
    assert_eq!(s.ok("volume ls"), "DRIVER    VOLUME NAME\nlocal     data");
    assert!(s.ok("volume ls --wide").starts_with("DRIVER    VOLUME NAME   ACCESS    USERS     LAST USED"));
}

#[test]
fn sizes_are_measured_when_asked_and_remembered() {
    let Some(s) = beyond_the_peer("cached sizes") else { return };
    s.ok("run --rm --network none -v data:/d busybox dd if=/dev/zero of=/d/f bs=1024 count=300");
    assert!(s.ok("volume ls --wide").ends_with("N/A"), "nobody has measured it");
    let sized = s.ok("volume ls --size --format '{{.Name}} {{.Size}}'");
    assert_eq!(sized, "data 307kB");
    assert_eq!(status(&s, "data")["Size"], 307_200);
    s.ok("run --rm --network none -v data:/d busybox dd if=/dev/zero of=/d/g bs=1024 count=300");
    assert_eq!(s.ok("volume ls --wide --format '{{.Size}}'"), "307kB", "what was measured, until it is measured again");
    s.ok("system df -v");
    assert_eq!(s.ok("volume ls --wide --format '{{.Size}}'"), "614kB");
    let door = Door::open(&s);
    let listed = door.get("/v1.50/stead/volumes?size=1").json();
    assert_eq!((&listed["Volumes"][0]["Status"]["Size"], &listed["Warnings"]), (&Value::from(614_400), &Value::Null));
    assert!(door.get("/v1.50/volumes").json()["Volumes"][0].get("Status").is_none(), "Docker's list is Docker's");
}

#[test]
fn a_volume_that_does_not_answer_blocks_nobody() {
    let Some(s) = beyond_the_peer("a time limit for volumes") else { return };
    for name in ["alive", "dead", "other"] {
        s.ok(&format!("run --rm --network none -v {name}:/d busybox sh -c 'echo 12345 >/d/f'"));
    }
    let silent = Silent::on(&s.data("dead"));
    let quick = |line: &str, limit: u64| {
        let began = Instant::now();
        let out = s.x(line).ok();
        assert!(began.elapsed() < Duration::from_millis(limit), "{line} took {:?}: {out}", began.elapsed());
        out
    };
    for line in ["volume ls", "volume ls -q", "volume ls --wide", "volume ls -f dangling=true", "volume ls --format json"] {
        assert!(quick(line, 1000).text().contains("dead"), "{line}");
    }
    // Measured: the others have their sizes, and one line says why this one has none.
    for _ in 0..2 {
        let out = quick("volume ls --size --format '{{.Name}} {{.Size}}'", 5000);
        assert_eq!(out.text(), "alive 6B\ndead N/A\nother 6B");
        assert!(out.stderr.contains("volume dead: what is mounted on") && out.stderr.contains("does not answer"), "{out}");
        assert_eq!(out.stderr.lines().count(), 1, "{out}");
    }
    let df = quick("system df -v --format json", 6000).json();
    let size = |name: &str| df["Volumes"].as_array().unwrap().iter().find(|v| v["Name"] == name).unwrap()["UsageData"]["Size"].clone();
    assert_eq!((size("alive"), size("dead")), (Value::from(6), Value::from(-1)));
    let door = Door::open(&s);
    let began = Instant::now();
    let listed = door.get("/v1.50/stead/volumes?size=1").json();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(listed["Warnings"][0].as_str().unwrap().contains("does not answer"), "{listed}");
    // However often it is asked, one process waits for the dead one.
    let waiting =
        stead_testkit::processes_naming(s.root().to_str().unwrap()).into_iter().filter(|(_, line)| line.contains("measure dead")).count();
    assert!(waiting <= 1, "{waiting} wait");
    drop(door);
    drop(silent);
    // It answers again: it is measured again.
    s.eventually("it is measured", || s.x("volume ls --size --format '{{.Name}} {{.Size}}'").text() == "alive 6B\ndead 6B\nother 6B");
}
