//! Safe sharing: who may use a volume or a directory at the same time, decided at the start and held by the kernel.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer};
use serde_json::json;
use stead_testkit::{Disk, Fs, Sandbox};

/// So many start at once.
const MANY: usize = 30;

fn many(s: &Sandbox, mount: &str) {
    for n in 0..MANY {
        s.ok(&format!("create --name many{n} --network none {mount} busybox sleep 600"));
    }
}

/// Starts them all at the same time, each with a command of its own, every third through the door if there is one; those that did, and what the
/// others were told.
fn start_all(s: &Sandbox, door: Option<&Door>) -> (Vec<String>, Vec<String>) {
    if let Some(door) = door {
        return start_through(s, door);
    }
    let mut children: Vec<_> = (0..MANY)
        .map(|n| {
            std::thread::spawn({
                let command = s.cli().args(["start", &format!("many{n}")]);
                move || command.run()
            })
        })
        .collect();
    let outs: Vec<_> = children.drain(..).map(|child| child.join().unwrap()).collect();
    let started = outs.iter().filter(|out| out.code == 0).map(|out| out.text()).collect();
    (started, outs.iter().filter(|out| out.code != 0).map(|out| out.stderr.clone()).collect())
}

fn start_through(s: &Sandbox, door: &Door) -> (Vec<String>, Vec<String>) {
    let (mut started, mut refused) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let one = |n: usize| {
            let name = format!("many{n}");
            if n.is_multiple_of(3) {
                let answer = door.post(&format!("/v1.50/containers/{name}/start"));
                assert!(answer.status == 204 || answer.status == 409, "{}", answer.text());
                return if answer.status == 204 { Ok(name) } else { Err(format!("{}\nhint: 'stead stop", answer.message())) };
            }
            let out = s.cli().args(["start", &name]).run();
            if out.code == 0 { Ok(name) } else { Err(out.stderr) }
        };
        let asked: Vec<_> = (0..MANY).map(|n| scope.spawn(move || one(n))).collect();
        for outcome in asked.into_iter().map(|one| one.join().unwrap()) {
            match outcome {
                Ok(name) => started.push(name),
                Err(text) => refused.push(text),
            }
        }
    });
    (started, refused)
}

#[test]
fn of_thirty_that_start_at_once_one_is_admitted() {
    let Some(s) = beyond_the_peer("access=") else { return };
    let host = s.mkdir("host");
    let door = Door::open(&s);
    for mount in [
        "--mount type=volume,src=data,dst=/d,access=exclusive".to_owned(),
        "-v data:/d:single-writer".to_owned(),
        format!("--mount type=bind,src={},dst=/d,access=exclusive", host.display()),
        format!("-v {}:/d:single-writer", host.display()),
    ] {
        many(&s, &mount);
        for round in 0..2 {
            // The second time with a server among them.
            let (started, refused) = start_all(&s, (round == 1).then_some(&door));
            assert_eq!((started.len(), refused.len()), (1, MANY - 1), "{mount} {round}: {started:?} {refused:?}");
            let running = s.ok("ps --format '{{.Names}}'");
            assert_eq!(running, started[0], "{mount}: what was acknowledged runs, and nothing else");
            for text in &refused {
                assert!(text.contains(&format!("\"{running}\"")) && text.contains("hint: 'stead stop"), "{mount}: {text}");
            }
            s.ok(&format!("kill {running}"));
            s.ok(&format!("wait {running}"));
        }
        let ids = s.ok("ps -aq");
        s.cli().args(["rm", "-f"]).args(ids.lines()).run().ok();
    }
}

#[test]
fn thirty_readers_go_beside_a_writer_and_serve_counts_too() {
    let Some(s) = beyond_the_peer("access=") else { return };
    s.ok("volume create --access single-writer data");
    let door = Door::open(&s);
    let body = json!({ "Image": "busybox", "Cmd": ["sleep", "600"],
        "HostConfig": { "NetworkMode": "none", "Mounts": [{ "Type": "volume", "Source": "data", "Target": "/d" }] } });
    for name in ["first", "second"] {
        assert_eq!(door.post_json(&format!("/v1.50/containers/create?name={name}"), &body).status, 201);
    }
    assert_eq!(door.post("/v1.50/containers/first/start").status, 204);
    let refused = door.post("/v1.50/containers/second/start");
    assert_eq!(refused.status, 409, "{}", refused.message());
    assert!(refused.message().contains("\"first\""), "{}", refused.message());
    many(&s, "-v data:/d:ro");
    let (started, refused) = start_all(&s, None);
    assert_eq!((started.len(), refused.len()), (MANY, 0), "{refused:?}");
    // Asked for alone, it is refused with every name, by API fields too.
    let alone = json!({ "Image": "busybox", "Cmd": ["true"], "HostConfig": { "NetworkMode": "none",
        "Mounts": [{ "Type": "volume", "Source": "data", "Target": "/d", "VolumeOptions": { "Access": "exclusive" } }] } });
    assert_eq!(door.post_json("/v1.50/containers/create?name=alone", &alone).status, 201);
    let refused = door.post("/v1.50/containers/alone/start");
    assert!(
        refused.status == 409 && refused.message().contains("\"first\"") && refused.message().contains("\"many7\""),
        "{}",
        refused.message()
    );
    let wrong = json!({ "Image": "busybox", "HostConfig": { "Mounts": [
        { "Type": "volume", "Source": "data", "Target": "/d", "VolumeOptions": { "Access": "mine" } }] } });
    let refused = door.post_json("/v1.50/containers/create", &wrong);
    assert!(refused.status == 400 && refused.message().contains("invalid access: mine"), "{}", refused.message());
    // The door's end changes nothing for who it started.
    drop(door);
    assert!(s.fails(125, "run --rm --network none -v data:/d busybox true").contains("\"first\""));
    s.ok("kill first");
    s.ok("wait first");
    s.ok("run --rm --network none -v data:/d busybox true");
}

#[test]
fn a_killed_monitor_frees_and_nothing_of_its_container_is_left() {
    let Some(s) = beyond_the_peer("access=") else { return };
    // In the host's pid namespace processes outlive their first one: the next must not start beside them.
    s.ok("run -d --name old --network none --pid host -v data:/d:exclusive busybox sh -c 'while :; do date +%s%N >/d/now; done'");
    let monitor = |name: &str| {
        let file = s.run_root().join("containers").join(s.inspect(name)["Id"].as_str().unwrap()).join("state.json");
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(file).unwrap()).unwrap()["monitor_pid"].as_i64().unwrap()
    };
    assert!(s.fails(125, "run --rm --network none -v data:/d busybox true").contains("used exclusively"));
    stead_testkit::Command::new("kill").args(["-9", &monitor("old").to_string()]).run().ok();
    s.ok("create --name new --network none -v data:/d:exclusive busybox sleep 600");
    s.eventually("the kernel has ended it", || s.x("start new").code == 0);
    let now = || std::fs::read(s.data("data").join("now")).unwrap();
    let (before, _) = (now(), std::thread::sleep(std::time::Duration::from_millis(200)));
    assert_eq!(before, now(), "somebody else still writes");
    assert!(s.fails(1, "start old").contains("\"new\""));
}

#[test]
fn a_start_that_is_killed_anywhere_holds_nothing() {
    let Some(s) = beyond_the_peer("access=") else { return };
    use stead_testkit::trace::{Fault, count, inject, sample};
    s.ok("create --name one --network none -v data:/d:exclusive busybox sleep 3");
    s.ok("create --name two --network none -v data:/d:exclusive busybox sleep 600");
    let command = s.cli().args(["start", "one"]);
    let calls = count(&command, &s.mkdir("trace"));
    s.ok("wait one");
    let all: Vec<(&str, usize)> = calls.iter().flat_map(|(call, n)| (1..=*n).map(move |i| (*call, i))).collect();
    let mut killed = 0;
    for (call, nth) in sample(&all, 30) {
        let out = inject(&command, call, nth, Fault::Kill);
        killed += usize::from(out.code != 0);
        // Either the container runs or nothing is held; a monitor whose creator died leaves by itself.
        s.eventually(&format!("killed at {call} {nth}: the volume can be had"), || {
            if s.inspect("one")["State"]["Running"] == true {
                assert!(s.x("start two").code != 0, "killed at {call} {nth}: both run");
                s.ok("wait one");
            }
            s.x("start two").code == 0
        });
        s.ok("kill two");
        s.ok("wait two");
    }
    assert!(killed > 10, "only {killed} were killed");
    // What a monitor that was killed in the middle of a birth has left is taken away by the next life.
    s.ok("start one");
    s.ok("wait one");
}

#[test]
fn restarts_keep_it() {
    let Some(s) = beyond_the_peer("access=") else { return };
    s.ok("run -d --name keeps --network none --restart always -v data:/d:exclusive busybox sh -c 'echo >>/d/lives; sleep 0.2'");
    let lives = || std::fs::read_to_string(s.data("data").join("lives")).unwrap_or_default().lines().count();
    s.ok("create --name other --network none -v data:/d busybox true");
    let mut refused = 0;
    while lives() < 4 {
        assert!(s.fails(1, "start other").contains("\"keeps\""));
        refused += 1;
    }
    assert!(refused > 3, "{refused}");
    s.ok("stop -t 0 keeps");
    s.ok("start -a other");
}

#[test]
fn a_volume_says_it_for_all_its_mounts() {
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
            return;
        }
        let disk = Disk::new(fs, 400);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        s.ok("run --rm --network none -v data:/d busybox touch /d/before");
        s.ok("volume update --access read-only data");
        assert!(s.fails(1, "run --rm --network none -v data:/d busybox touch /d/x").contains("Read-only file system"), "{fs:?}");
        assert_eq!(s.ok("run --rm --network none -v data:/d busybox ls /d"), "before");
        s.ok("volume update --access exclusive data");
        s.ok("run -d --name holder --network none -v data:/d busybox sleep 600");
        assert!(s.fails(125, "run --rm --network none -v data:/d:ro busybox true").contains("\"holder\""), "{fs:?}");
        s.ok("volume update --access shared data");
        // What runs keeps what it was given.
        assert!(s.fails(125, "run --rm --network none -v data:/d:ro busybox true").contains("\"holder\""), "{fs:?}");
        s.ok("rm -f holder");
        s.ok("run --rm --network none -v data:/d busybox touch /d/x");
        assert!(s.fails(125, "volume update --access mine data").contains("mine"));
        s.ok("volume rm data");
    }
}

#[test]
fn two_databases_never_open_one_volume() {
    let Some(s) = beyond_the_peer("access=") else { return };
    let s = s.with(&["postgres"]);
    s.ok("volume create --access single-writer pgdata");
    let run = "-d --network none -e POSTGRES_HOST_AUTH_METHOD=trust -v pgdata:/var/lib/postgresql/data postgres";
    s.ok(&format!("run --name first {run}"));
    let sql = |name: &str, text: &str| s.cli().args(["exec", name, "psql", "-U", "postgres", "-h", "127.0.0.1", "-Atc", text]).run();
    s.eventually("the first answers", || sql("first", "select 1").text() == "1");
    assert_eq!(sql("first", "create table t as select generate_series(1, 1000) as n").code, 0);
    assert!(s.fails(125, &format!("run --name second {run}")).contains("\"first\" is writing to it"));
    // A reader is admitted, and reads what is there.
    s.ok("run --rm --network none -v pgdata:/d:ro busybox test -f /d/PG_VERSION");
    s.ok("kill first");
    s.ok("wait first");
    s.ok("start second");
    s.eventually("the second recovers", || sql("second", "select count(*) from t").text() == "1000");
}

#[test]
fn a_command_that_writes_is_a_writer_too() {
    let Some(s) = beyond_the_peer("access=") else { return };
    let file = s.mkdir("here").join("f");
    std::fs::write(&file, "x").unwrap();
    let copy = format!("volume cp {} data:/", file.display());
    for access in ["exclusive", "single-writer"] {
        s.ok(&format!("run -d --name holder --network none -v data:/d:{access} busybox sleep 600"));
        let refused = s.fails(1, &copy);
        assert!(refused.contains("\"holder\"") && refused.contains("'stead stop holder'"), "{access}: {refused}");
        assert!(!s.data("data").join("f").exists(), "{access}");
        s.ok("volume ls data:/");
        s.ok("rm -f holder");
    }
    s.ok("volume update --access read-only data");
    assert!(s.fails(1, &copy).contains("--access shared data"));
    s.ok("volume update --access shared data");
    s.ok("run -d --name other --network none -v data:/d busybox sleep 600");
    s.ok(&copy);
    assert!(s.data("data").join("f").exists());
}
