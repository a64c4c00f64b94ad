//! SIGKILL at the system calls of create, populate and rm: the next command finds a whole state.

use super::*;
use std::os::unix::process::ExitStatusExt;

const FILES: usize = 12;
/// Every call that changes the disk. The n-th of each is where the child dies.
pub(super) const CALLS: [&str; 12] = [
    "mkdir,mkdirat",
    "rename,renameat,renameat2",
    "openat",
    "write,pwrite64",
    "fsync,fdatasync,syncfs",
    "unlink,unlinkat,rmdir",
    "fchmod,fchmodat,chmod",
    "fchown,fchownat",
    "utimensat",
    "linkat,symlinkat,mknodat",
    "flock,fcntl",
    "getdents64",
];

fn prepare(s: &Sandbox) {
    for n in 0..FILES {
        write(&s.image(&format!("app/d{}/f{n}", n % 3)), format!("content {n}").as_bytes());
    }
    std::fs::hard_link(s.image("app/d0/f0"), s.image("app/hard")).unwrap();
    std::os::unix::fs::symlink("d0", s.image("app/link")).unwrap();
    drop(s.volumes());
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_create_and_populate() {
    let s = Sandbox::of_parent();
    let v = s.volumes();
    v.create(named("data")).unwrap();
    s.populate(&v, "data", "/app").unwrap();
}

#[test]
#[ignore = "a child of the kill tests"]
fn victim_remove() {
    let s = Sandbox::of_parent();
    s.volumes().remove("data", false).unwrap();
    sweep(&s.root()).unwrap();
}

fn whole(s: &Sandbox) {
    assert_eq!(names(&s.data("data", "")), ["d0", "d1", "d2", "hard", "link"]);
    for n in 0..FILES {
        assert_eq!(std::fs::read(s.data("data", &format!("d{}/f{n}", n % 3))).unwrap(), format!("content {n}").as_bytes());
    }
    assert_eq!(s.data("data", "hard").metadata().unwrap().ino(), s.data("data", "d0/f0").metadata().unwrap().ino());
}

/// What must hold after a kill, whatever it hit.
fn after_create(s: &Sandbox) {
    let v = s.volumes();
    for volume in v.list().unwrap() {
        assert_eq!(volume.unwrap().name, "data", "what exists is whole");
        assert!(s.data("data", "").is_dir() && s.root().volume_sidecar("data").exists());
    }
    v.create(named("data")).unwrap();
    s.populate(&v, "data", "/app").unwrap();
    whole(s);
    assert_eq!(s.data("data", "").metadata().unwrap().mtime(), s.image("app").metadata().unwrap().mtime());
    v.repair().unwrap();
    assert!(v.recover().unwrap().is_empty());
    assert_eq!(names(&s.root().volume("data")), ["_data", "volume.json"]);
    sweep(&s.root()).unwrap();
    assert!(names(&s.root().volumes_staging()).is_empty());
}

fn after_remove(s: &Sandbox) {
    let v = s.volumes();
    if v.get("data").is_ok() {
        whole(s);
        v.create(named("data")).unwrap();
        v.remove("data", false).unwrap();
    }
    sweep(&s.root()).unwrap();
    v.repair().unwrap();
    assert!(v.recover().unwrap().is_empty());
    assert!(v.list().unwrap().is_empty());
    assert!(trash::is_empty(&s.root().volumes()).unwrap());
}

/// Kills the victim at its n-th call of a kind, for steps of n, until it survives. Returns how often it died.
pub(super) fn kill_at_each(calls: &str, step: u32, victim: &str, before: impl Fn(&Sandbox), after: impl Fn(&Sandbox)) -> u32 {
    let mut deaths = 0;
    let mut n = 1;
    loop {
        let s = Sandbox::new();
        before(&s);
        let inject = format!("inject={calls}:signal=KILL:when={n}");
        let trace = format!("trace={calls}");
        let mut child = s.child(victim, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        let status = child.wait().unwrap();
        after(&s);
        if status.success() {
            return deaths;
        }
        assert!(status.signal() == Some(9) || status.code().is_some_and(|c| c != 0), "{status:?}");
        deaths += 1;
        n += step;
    }
}

#[test]
fn a_kill_at_any_call_of_create_and_populate_leaves_nothing_or_all() {
    let mut deaths = 0;
    for (calls, step) in CALLS.iter().zip([1, 1, 9, 7, 1, 1, 2, 2, 3, 1, 4, 1]) {
        deaths += kill_at_each(calls, step, "tests::crash::victim_create_and_populate", prepare, after_create);
    }
    assert!(deaths > 40, "the kills must really have hit: {deaths}");
}

#[test]
fn a_kill_at_any_call_of_remove_leaves_it_whole_or_gone() {
    let populated = |s: &Sandbox| {
        prepare(s);
        let v = s.volumes();
        v.create(named("data")).unwrap();
        s.populate(&v, "data", "/app").unwrap();
    };
    let mut deaths = 0;
    for (calls, step) in CALLS.iter().zip([1, 1, 9, 5, 1, 3, 1, 1, 1, 1, 4, 2]) {
        deaths += kill_at_each(calls, step, "tests::crash::victim_remove", populated, after_remove);
    }
    assert!(deaths > 15, "{deaths}");
}

#[test]
fn a_copy_killed_at_a_random_moment_is_done_whole_by_the_next() {
    for round in 0..8u64 {
        let s = Sandbox::new();
        for n in 0..1500 {
            write(&s.image(&format!("app/d{}/f{n}", n % 30)), &[1; 2000]);
        }
        s.volumes().create(named("data")).unwrap();
        let mut child = s.child("tests::crash::victim_create_and_populate", &[]);
        std::thread::sleep(std::time::Duration::from_millis(10 + 12 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let v = s.volumes();
        s.populate(&v, "data", "/app").unwrap();
        let mut files = 0;
        stead_sys::tree::walk(File::open(s.data("data", "")).unwrap(), &mut |entry| {
            files += u32::from(entry.stat.st_size == 2000 && entry.stat.st_nlink == 1);
            Ok(())
        })
        .unwrap();
        assert_eq!(files, 1500);
    }
}
