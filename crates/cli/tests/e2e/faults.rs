//! The Nth system call fails: no space, an I/O error, no more descriptors. Each command either does its work or says in one line why not, and the
//! state stays whole.
use crate::scene::{STEAD, names};
use stead_testkit::trace::{Fault, count, inject, sample};
use stead_testkit::{Command, Output, Sandbox, skip};

const SAMPLE: usize = 24;
/// Which error is believable for which call.
const FAULTS: &[(&str, &[&str])] = &[
    (
        "ENOSPC",
        &[
            "openat",
            "mkdirat",
            "mkdir",
            "write",
            "pwrite64",
            "renameat2",
            "rename",
            "copy_file_range",
            "fsync",
            "fdatasync",
            "linkat",
            "symlinkat",
            "fsetxattr",
            "ftruncate",
        ],
    ),
    (
        "EIO",
        &[
            "openat",
            "openat2",
            "write",
            "pwrite64",
            "fsync",
            "fdatasync",
            "syncfs",
            "renameat2",
            "rename",
            "unlinkat",
            "mkdirat",
            "fchownat",
            "utimensat",
            "ioctl",
        ],
    ),
    ("EMFILE", &["openat", "openat2", "open_tree", "fsopen", "fsmount"]),
];

fn every_fault(command: &Command, s: &Sandbox, before: impl Fn(), whole: impl Fn(&Output, &str)) {
    before();
    let calls = count(command, &s.mkdir("trace"));
    whole(&Command::new("true").run(), "the traced run");
    let mut all = Vec::new();
    for (error, names) in FAULTS {
        for call in *names {
            all.extend((1..=calls.get(call).copied().unwrap_or(0)).map(|n| (*error, *call, n)));
        }
    }
    let chosen = sample(&all, SAMPLE * 2);
    for (error, call, nth) in &chosen {
        before();
        let out = inject(command, call, *nth, Fault::Error(error));
        let place = format!("{error} at {call} {nth}");
        assert!(out.code >= 0, "{place}: died of a signal\n{out}");
        assert!(!out.stderr.contains("panicked"), "{place}: {out}");
        // The failing write may be the message itself.
        assert!(out.code == 0 || *call == "write" || !out.stderr.trim().is_empty(), "{place}: failed in silence");
        whole(&out, &place);
    }
    s.ok("system check --repair");
    s.ok("system check");
}

fn ready() -> Option<Sandbox> {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        skip("the peer's daemon cannot be made to fail call by call");
        return None;
    }
    Some(Sandbox::new(STEAD).with(&["layers", "busybox"]))
}

#[test]
fn volume_create() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["volume", "create", "data"]);
    every_fault(
        &command,
        &s,
        || {},
        |out, place| {
            let listed = s.ok("volume ls -q -f name=data");
            assert!(out.code != 0 || listed == "data" || place == "the traced run", "{place}: {out}");
            s.ok("volume create data");
            assert!(s.data("data").is_dir(), "{place}");
            s.ok("volume rm data");
        },
    );
}

#[test]
fn copy_up() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["create", "--name", "cc", "-v", "data:/vol", "layers"]);
    every_fault(
        &command,
        &s,
        || {},
        |out, place| {
            let listed = s.ok("ps -a --format '{{.Names}}'");
            assert!(out.code != 0 || listed == "cc" || place == "the traced run", "{place}: {out}");
            if listed == "cc" {
                s.ok("rm -v cc");
            }
            assert_eq!(
                s.ok("run --rm -v data:/vol --entrypoint '' layers sh -c 'ls /vol; cat /vol/seed/f'"),
                "link\nseed\nseed",
                "{place}\n{out}"
            );
            s.ok("volume rm data");
            s.ok("volume prune -f");
        },
    );
}

#[test]
fn volume_rm_and_container_rm() {
    let Some(s) = ready() else { return };
    let before = || {
        s.ok("volume create data");
        std::fs::write(s.data("data").join("f"), "x").unwrap();
    };
    let command = s.cli().args(["volume", "rm", "data"]);
    every_fault(&command, &s, before, |out, place| {
        let listed = s.ok("volume ls -q -f name=data");
        assert!(out.code != 0 || listed.is_empty() || place == "the traced run", "{place}: {out}");
        if listed == "data" {
            assert_eq!(names(&s.data("data")), ["f"], "{place}");
        }
        s.x("volume rm -f data").ok();
        assert!(!s.root().join("volumes/data").exists(), "{place}");
    });
    let before = || {
        s.ok("create --name cc -v data:/d busybox true");
    };
    let command = s.cli().args(["rm", "cc"]);
    every_fault(&command, &s, before, |out, place| {
        let listed = s.ok("ps -a --format '{{.Names}}'");
        assert!(out.code != 0 || listed.is_empty() || place == "the traced run", "{place}: {out}");
        if listed == "cc" {
            s.ok("rm cc");
        }
        s.ok("volume rm data");
    });
}

#[test]
fn a_run_that_cannot() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["run", "--rm", "-v", "data:/d", "busybox", "true"]);
    every_fault(
        &command,
        &s,
        || {},
        |_, place| {
            s.eventually(&format!("{place}: nothing runs"), || s.ok("ps -q").is_empty());
            for id in s.x("ps -aq").ok().lines() {
                s.ok(&format!("rm -f {id}"));
            }
            s.ok("run --rm -v data:/d busybox true");
            s.ok("volume rm data");
        },
    );
}
