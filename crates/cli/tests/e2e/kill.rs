//! SIGKILL at the file-system calls of the verbs that change state. The next command must find a whole state.
//!
//! Every (call, N) is a case. `cargo test` takes an even sample of each verb's; `STEAD_TEST_ALL=1` takes all.
use crate::scene::{STEAD, named, names};
use stead_testkit::trace::{Fault, count, inject, sample};
use stead_testkit::{Command, Sandbox, mounts_below, skip};

/// How many places to die a test takes of each verb when it is not told to take all.
const SAMPLE: usize = 40;

pub(crate) fn ready() -> Option<Sandbox> {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        skip("the peer's daemon cannot be killed call by call");
        return None;
    }
    Some(Sandbox::new(STEAD).with(&["layers", "busybox"]))
}

/// Runs `command` with a kill at each of its places; after each, `whole` looks at the state (with the command's exit status) and restores the scene.
pub(crate) fn at_every_call(s: &Sandbox, before: impl Fn(), command: &Command, whole: impl Fn(i32, &str)) {
    before();
    let scratch = s.mkdir("trace");
    let calls = count(command, &scratch);
    whole(0, "the traced run");
    let all: Vec<(&str, usize)> = calls.iter().flat_map(|(call, n)| (1..=*n).map(move |i| (*call, i))).collect();
    let chosen = sample(&all, SAMPLE);
    let mut killed = 0;
    for (call, nth) in &chosen {
        before();
        let out = inject(command, call, *nth, Fault::Kill);
        killed += usize::from(out.code != 0);
        whole(out.code, &format!("killed at {call} {nth}: exit {}", out.code));
    }
    assert!(killed * 2 > chosen.len(), "only {killed} of {} runs were killed: the test proves little", chosen.len());
    let check = s.x("system check --repair");
    assert!(check.code == 0, "{check}");
    s.ok("system check");
    assert!(mounts_below(s.dir()).is_empty());
    writeln(&format!(
        "{} places to die, {} tried, {killed} killed: {}",
        all.len(),
        chosen.len(),
        command.line().split("run-root").last().unwrap_or("")
    ));
}

fn writeln(text: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "kill: {text}").ok();
}

#[test]
fn volume_create() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["volume", "create", "--label", "a=1", "data"]);
    at_every_call(
        &s,
        || {},
        &command,
        |code, place| {
            let listed = s.ok("volume ls -q -f name=data");
            assert!(code != 0 || listed == "data", "{place}: acknowledged and not there");
            if listed == "data" {
                assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' data"), "1", "{place}");
                assert!(s.data("data").is_dir(), "{place}: a volume without its directory");
            }
            s.ok("volume create --label a=1 data");
            s.ok("run --rm -v data:/d busybox touch /d/f");
            s.ok("volume rm data");
            assert!(!s.root().join("volumes/data").exists(), "{place}");
        },
    );
}

#[test]
fn copy_up() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["create", "--name", "cc", "-v", "data:/vol", "layers"]);
    at_every_call(
        &s,
        || {},
        &command,
        |_, place| {
            for id in s.x("ps -aq").ok().lines() {
                s.ok(&format!("rm {id}"));
            }
            let seen = s.ok("run --rm -v data:/vol --entrypoint '' layers sh -c 'ls /vol; cat /vol/seed/f; stat -c %a:%u /vol/seed'");
            assert_eq!(seen, "link\nseed\nseed\n750:1234", "{place}: all of it, not part");
            s.ok("volume rm data");
            s.ok("volume prune -f");
        },
    );
}

#[test]
fn volume_rm() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["volume", "rm", "data"]);
    let before = || {
        s.ok("run --rm -v data:/vol --entrypoint '' layers true");
    };
    at_every_call(&s, before, &command, |code, place| {
        let listed = s.ok("volume ls -q -f name=data");
        if code == 0 {
            assert_eq!(listed, "", "{place}");
        }
        if listed == "data" {
            assert_eq!(names(&s.data("data")), ["link", "seed"], "{place}: a volume that is listed is whole");
        }
        s.x("volume rm -f data").ok();
        assert_eq!(s.ok("volume ls -q -f name=data"), "", "{place}");
        assert!(!s.root().join("volumes/data").exists(), "{place}");
        s.ok("volume prune -f");
        s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
    });
}

#[test]
fn container_create() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["create", "--name", "cc", "-v", "data:/d", "--label", "a=1", "busybox", "true"]);
    at_every_call(
        &s,
        || {},
        &command,
        |code, place| {
            let listed = s.ok("ps -a --format '{{.Names}}'");
            assert!(listed == "cc" || (listed.is_empty() && code != 0), "{place}: {listed}");
            if listed == "cc" {
                assert_eq!(s.inspect("cc")["Config"]["Labels"]["a"], "1", "{place}");
                s.x("start -a cc").ok();
                s.ok("rm cc");
            } else {
                s.ok("run --rm --name cc -v data:/d busybox true");
            }
            s.ok("volume rm -f data");
            s.ok("system check --repair");
            assert_eq!(named(&s.root().join("containers")), Vec::<String>::new(), "{place}: a directory of nobody");
        },
    );
}

#[test]
fn container_rm() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["rm", "-v", "cc"]);
    let before = || {
        s.ok("run --name cc -v data:/d -v /anon busybox sh -c 'echo kept >/d/f'");
    };
    at_every_call(&s, before, &command, |code, place| {
        let listed = s.ok("ps -a --format '{{.Names}}'");
        assert!(listed == "cc" || listed.is_empty(), "{place}: {listed}");
        assert!(code != 0 || listed.is_empty(), "{place}");
        if listed == "cc" {
            s.ok("rm -v cc");
        }
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept\n", "{place}: a named volume is never touched");
        s.ok("volume prune -f");
        s.ok("system check --repair");
        assert_eq!(named(&s.root().join("containers")), Vec::<String>::new(), "{place}");
        assert_eq!(s.ok("volume ls -q"), "data", "{place}");
    });
}

#[test]
fn run_in_the_foreground() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo x >>/d/f"]);
    at_every_call(
        &s,
        || {},
        &command,
        |code, place| {
            s.eventually(&format!("{place}: nothing runs"), || s.ok("ps -q").is_empty());
            for id in s.x("ps -aq").ok().lines() {
                // The monitor may be removing it at this very moment, which is the better outcome.
                assert!(s.x(&format!("rm -f {id}")).code < 2, "{place}");
            }
            if code == 0 {
                assert!(s.data("data").join("f").exists(), "{place}");
            }
            s.ok("system check --repair");
            s.ok("volume rm -f data");
        },
    );
}

#[test]
fn container_rename() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["rename", "old", "new"]);
    let before = || {
        s.ok("create --name old --network none -v data:/d busybox true");
    };
    at_every_call(&s, before, &command, |code, place| {
        let listed = s.ok("ps -a --format '{{.Names}}'");
        assert!(listed == "new" || (listed == "old" && code != 0), "{place}: {listed}");
        assert_eq!(s.inspect(&listed)["Name"], format!("/{listed}"), "{place}");
        s.ok(&format!("rm {listed}"));
    });
}

#[test]
fn container_update() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["update", "--pids-limit", "60", "--cpu-shares", "300", "--restart", "on-failure:4", "uu"]);
    let before = || {
        s.ok("run -d --name uu --network none --pids-limit 50 --cpu-shares 200 busybox sleep 1000");
    };
    at_every_call(&s, before, &command, |code, place| {
        let host = s.inspect("uu")["HostConfig"].clone();
        let all = (host["PidsLimit"].as_i64(), host["CpuShares"].as_i64(), host["RestartPolicy"]["MaximumRetryCount"].as_i64());
        let (old, new) = ((Some(50), Some(200), Some(0)), (Some(60), Some(300), Some(4)));
        assert!(all == new || (all == old && code != 0), "{place}: {all:?}");
        assert_eq!(s.inspect("uu")["State"]["Running"], true, "{place}");
        // The plan it would be born from again can be read, and a later update sets all of it.
        s.ok("update --pids-limit 70 --cpu-shares 400 --restart no uu");
        s.ok("restart -t 0 uu");
        assert_eq!(s.inspect("uu")["HostConfig"]["PidsLimit"], 70, "{place}");
        s.ok("rm -f uu");
    });
}

#[test]
fn container_commit() {
    let Some(s) = ready() else { return };
    let command = s.cli().args(["commit", "cc", "mine:1"]);
    let before = || {
        s.ok("run -d --name cc --network none busybox sh -c 'echo kept >/f; rm /bin/wc; sleep 1000'");
        s.eventually("it wrote", || s.ok("diff cc").contains("D /bin/wc"));
    };
    at_every_call(&s, before, &command, |code, place| {
        let listed = s.ok("images -q mine:1");
        assert!(code != 0 || !listed.is_empty(), "{place}: acknowledged and not there");
        if !listed.is_empty() {
            let seen = s.ok("run --rm --network none mine:1 sh -c 'cat /f; ls /bin/wc 2>/dev/null; true'");
            assert_eq!(seen, "kept", "{place}: an image that is listed is whole");
            s.ok("rmi mine:1");
        }
        s.eventually(&format!("{place}: it goes on"), || s.inspect("cc")["State"]["Status"] == "running");
        s.ok("rm -f cc");
    });
}

/// Records that are garbage, and a repair that is killed: no command in between may take an empty database for the truth.
#[test]
fn repair_of_damaged_records() {
    let Some(s) = ready() else { return };
    s.ok("volume create --label a=1 data");
    std::fs::write(s.data("data").join("f"), "kept").unwrap();
    let command = s.cli().args(["system", "check", "--repair"]);
    let before = || {
        for log in ["stead.db-wal", "stead.db-shm"] {
            std::fs::remove_file(s.root().join(log)).ok();
        }
        std::fs::write(s.root().join("stead.db"), vec![0x5a; 40_000]).unwrap();
    };
    at_every_call(&s, before, &command, |code, place| {
        let meanwhile = s.x("volume ls -q");
        assert!(meanwhile.code != 0 || meanwhile.stdout == b"data\n", "{place}: exit {code}: {meanwhile}");
        s.ok("system check --repair");
        assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' data"), "1", "{place}");
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept", "{place}");
        let left: Vec<String> = names(s.root()).into_iter().filter(|n| n.contains("rebuilding") || n.ends_with("-new")).collect();
        assert_eq!(left, [""; 0], "{place}");
    });
}

#[test]
fn layer_over_a_mount() {
    let Some(s) = ready() else { return };
    let src = s.mkdir("src");
    std::fs::write(src.join("f"), "text").unwrap();
    std::os::unix::fs::chown(&src, Some(1000), Some(1001)).unwrap();
    let mount = format!("type=bind,src={},dst=/d,overlay=changes", src.display());
    let command = s.cli().args(["start", "-a", "box"]);
    at_every_call(
        &s,
        || {
            s.cli().args(["create", "--name", "box", "--network", "none", "--mount", &mount, "busybox", "true"]).run().ok();
        },
        &command,
        |_code, place| {
            s.x("rm -f box").ok();
            let look = s
                .cli()
                .args(["run", "--rm", "--network", "none", "--mount", &mount, "busybox", "sh", "-c"])
                .arg("stat -c %u:%g /d; cat /d/f");
            assert_eq!(look.run().ok().text(), "1000:1001\ntext", "{place}");
            assert_eq!(names(&s.data("changes")), ["upper", "work"], "{place}");
            s.ok("volume rm changes");
            assert_eq!(names(&src), ["f"], "{place}");
        },
    );
}
