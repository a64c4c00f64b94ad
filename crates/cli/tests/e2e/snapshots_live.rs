//! Snapshots of volumes that are written to: who stands still, for how long, and what happens when somebody dies meanwhile.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer, names};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use stead_testkit::{Disk, Fs, Sandbox, cgroup_dirs_of, skip};

/// Writes a number into one file and then into the other, again and again: at no instant is the second one ahead.
const WRITER: &str = "i=0; while :; do i=$((i+1)); echo $i >>/one/n; echo $i >>/two/n; done";

fn write(s: &Sandbox, name: &str, more: &str) {
    s.cli().args(stead_testkit::split(&format!("run -d --name {name} --network none {more} busybox sh -c"))).arg(WRITER).run().ok();
}

fn last(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // A line that is being written has no end yet.
    text.rsplit_once('\n').and_then(|(whole, _)| whole.rsplit('\n').next()?.parse().ok()).unwrap_or(0)
}

/// Whether the file grows.
fn grows(file: &Path) -> bool {
    let before = last(file);
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if last(file) > before {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn is_frozen(id: &str) -> bool {
    cgroup_dirs_of(id).iter().any(|dir| {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        read("freezer.state").trim().starts_with("FR") || read("cgroup.freeze").trim() == "1"
    })
}

#[test]
fn all_volumes_of_a_project_are_of_one_instant_on_every_file_system() {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return skip("the peer has no snapshots");
    }
    for (fs, mib) in [(Fs::Ext4, 96), (Fs::Xfs, 320), (Fs::Btrfs, 320)] {
        let disk = Disk::new(fs, mib);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        for name in ["one", "two"] {
            s.ok(&format!("volume create --label com.docker.compose.project=shop --label tier={name} {name}"));
        }
        write(&s, "writer", "-v one:/one -v two:/two");
        // Inherits them, and is frozen with them.
        s.ok("run -d --name heir --network none --volumes-from writer busybox sleep 600");
        // Has one of them by its path on the host.
        let path = s.data("one").display().to_string();
        let count = "i=0; while :; do i=$((i+1)); echo $i >>/x/m; done";
        s.cli()
            .args(["run", "-d", "--name", "sly", "--network", "none", "-v", &format!("{path}:/x"), "busybox", "sh", "-c", count])
            .run()
            .ok();
        s.eventually("they write", || last(&s.data("two").join("n")) > 10 && last(&s.data("one").join("m")) > 10);
        let mut newest = 0;
        for round in 0..5 {
            let taken = s.x(&format!("volume snapshot create --group shop g{round}")).ok();
            assert_eq!(taken.lines(), [format!("one@g{round}"), format!("two@g{round}")]);
            assert!(taken.stderr.contains("2 snapshots taken; paused ") && taken.stderr.contains(" ms"), "{}", taken.stderr);
            let at = |volume: &str| last(&s.root().join(format!("volumes/{volume}/snapshots/g{round}/_data/n")));
            let (one, two) = (at("one"), at("two"));
            assert!(one == two || one == two + 1, "{fs:?}: {one} and {two} are of two instants");
            let all = std::fs::read_to_string(s.root().join(format!("volumes/one/snapshots/g{round}/_data/m"))).unwrap();
            assert!(all.ends_with('\n'), "{fs:?}: it was caught in the middle of a line");
            assert!(one > newest, "{fs:?}: nothing was written between two snapshots");
            newest = one;
            assert!(grows(&s.data("one").join("n")), "{fs:?}");
        }
        let groups = s.x("volume snapshot ls --format {{.Group}} one two").ok().lines();
        assert_eq!(groups.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{groups:?}");
        // By label; and all or none.
        assert_eq!(s.ok("volume snapshot create -q --group tier=one l1"), "one@l1");
        assert_eq!(s.x("volume snapshot create -q --group tier l2").ok().lines(), ["one@l2", "two@l2"]);
        s.x("volume snapshot create --group shop l1").exits(1).says("already exists");
        assert!(!names(&s.root().join("volumes/two/snapshots")).contains(&"l1".to_owned()));
        s.x("volume snapshot create --group nobody").exits(1).says("no volume belongs to a project");
        s.x("volume snapshot create").exits(1).says("say which volume");
        s.ok("rm -f writer heir sly");
        s.ok("system check");
    }
}

#[test]
fn readers_are_not_frozen_and_what_people_paused_stays_so() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    s.ok("volume create one");
    s.ok("run -d --name reader --network none -v one:/one:ro busybox sleep 600");
    let taken = s.x("volume snapshot create one a").ok();
    assert_eq!(taken.stderr, "", "nobody stood still");
    write(&s, "writer", "-v one:/one -v two:/two");
    let file = s.data("one").join("n");
    s.eventually("it writes", || last(&file) > 3);
    s.ok("pause writer");
    let still = last(&file);
    let door = Door::open(&s);
    let answer = door.post_json("/v1.50/stead/volumes/one/snapshots", &json!({"Name": "b"}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.json()["PauseMs"].as_f64().unwrap() > 0.0, "{}", answer.text());
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(last(&file), still, "a snapshot let it go on");
    assert_eq!(s.inspect("writer")["State"]["Status"], "paused");
    s.ok("unpause writer");
    assert!(grows(&file));
    // Nothing tells of a pause that nobody made, and nothing that is asked meanwhile fails.
    let events = || s.ok("events --since 10m --until 0s");
    let paused = events().matches(" pause ").count();
    std::thread::scope(|scope| {
        let snapshots = scope.spawn(|| (0..12).for_each(|n| drop(s.ok(&format!("volume snapshot create -q one n{n}")))));
        while !snapshots.is_finished() {
            assert_eq!(s.ok("exec writer echo here"), "here");
            s.ok("run --rm --network none -v one:/one busybox true");
        }
    });
    assert_eq!(events().matches(" pause ").count(), paused);
    assert_eq!(s.inspect("writer")["State"]["Status"], "running");
}

#[test]
fn what_stands_still_too_long_is_let_go_and_there_is_no_snapshot() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    write(&s, "writer", "-v one:/one -v two:/two");
    let file = s.data("one").join("n");
    s.eventually("it writes", || last(&file) > 3);
    // So much that no copy of it takes less than the limit.
    std::fs::create_dir(s.data("one").join("many")).unwrap();
    for n in 0..3000 {
        std::fs::write(s.data("one").join(format!("many/{n}")), format!("{n}")).unwrap();
    }
    s.fails(1, "system config set snapshot.freeze-limit soon");
    s.fails(1, "system config set snapshot.freeze-limit 0");
    s.ok("system config set snapshot.freeze-limit 1ms");
    s.x("volume snapshot create one a").exits(1).says("no snapshot was taken, everything goes on").says("snapshot.freeze-limit");
    assert!(grows(&file));
    assert_eq!(s.ok("volume snapshot ls -q one"), "");
    s.ok("system config set snapshot.freeze-limit 30s");
    assert_eq!(s.ok("volume snapshot create -q one a"), "one@a");
    s.ok("system check");
}

#[test]
fn a_snapshot_that_is_killed_leaves_nobody_frozen() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    for name in ["one", "two"] {
        s.ok(&format!("volume create --label set=x {name}"));
    }
    write(&s, "writer", "-v one:/one -v two:/two");
    let id = s.inspect("writer")["Id"].as_str().unwrap().to_owned();
    let file = s.data("one").join("n");
    s.eventually("it writes", || last(&file) > 3);
    let began = Instant::now();
    s.ok("volume snapshot create -q --group set=x whole");
    let span = began.elapsed();
    let rounds = if std::env::var_os("STEAD_TEST_ALL").is_some() { 400 } else { 40 };
    let mut killed = 0;
    for round in 0..rounds {
        let mut child = s.cli().args(["volume", "snapshot", "create", "--group", "set=x"]).arg(format!("r{round}")).spawn();
        // All moments of it, evenly.
        std::thread::sleep(span * round / rounds);
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        s.eventually("nothing is frozen", || !is_frozen(&id));
        assert!(grows(&file), "round {round}");
        assert_eq!(s.inspect("writer")["State"]["Status"], "running");
    }
    assert!(killed > rounds as usize / 3, "only {killed} of {rounds} were killed in time");
    assert_eq!(s.x("system check --repair").code, 0);
    s.ok("system check");
    // Of each group there are all or none.
    let of = |volume: &str| s.x(&format!("volume snapshot ls --format '{{{{.Name}}}} {{{{.Group}}}}' {volume}")).ok().lines();
    assert_eq!(of("one"), of("two"));
    assert!(!of("one").iter().any(|line| line.contains("incomplete")));
}

#[test]
fn hooks_run_inside_as_the_containers_user_and_decide() {
    let Some(s) = beyond_the_peer("hooks") else { return };
    s.ok("volume create one");
    std::fs::set_permissions(s.data("one"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let run = |name: &str, pre: &str, post: &str| {
        let (pre, post) = (format!("stead.snapshot.pre={pre}"), format!("stead.snapshot.post={post}"));
        let words = ["run", "-d", "--name", name, "--network", "none", "-u", "1234", "-v", "one:/one", "--label", &pre, "--label", &post];
        s.cli().args(words).args(["busybox", "sleep", "600"]).run().ok();
    };
    run("good", "id -u >/one/pre; rm -f /one/post", r#"["touch","/one/post"]"#);
    s.ok("volume snapshot create one plain");
    assert!(!s.data("one").join("pre").exists(), "hooks run only when they are asked for");
    s.x("volume snapshot create --hook one a").ok();
    let snapshot = s.root().join("volumes/one/snapshots/a/_data");
    assert_eq!(std::fs::read_to_string(snapshot.join("pre")).unwrap(), "1234\n");
    assert!(!snapshot.join("post").exists() && s.data("one").join("post").exists());
    // One that fails: no snapshot, and what comes after runs all the same.
    run("bad", "echo no disk left >&2; exit 7", "touch /one/after");
    s.x("volume snapshot create --hook one b").exits(1).says("hook stead.snapshot.pre of container bad").says("ended with 7: no disk left");
    assert!(s.data("one").join("after").exists());
    assert!(!names(&s.root().join("volumes/one/snapshots")).contains(&"b".to_owned()));
    s.ok("rm -f bad");
    // One that does not end.
    s.ok("system config set snapshot.hook-limit 300ms");
    run("slow", "sleep 600", "true");
    let began = Instant::now();
    s.x("volume snapshot create --hook one c").exits(1).says("had not ended after 300ms and was killed");
    assert!(began.elapsed() < Duration::from_secs(10));
    s.ok("rm -f slow");
    // What fails afterwards is told, and the snapshot is there.
    run("late", "true", "exit 3");
    s.x("volume snapshot create --hook one d").ok().says("WARNING: hook stead.snapshot.post of container late");
    s.x("exec good sh -c 'ps | grep -c [s]leep.600'").ok();
}

#[test]
fn a_snapshot_is_mounted_read_only_and_counts_as_used() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    s.ok("volume create one");
    std::fs::create_dir(s.data("one").join("sub")).unwrap();
    std::fs::write(s.data("one").join("sub/file"), "then").unwrap();
    s.ok("volume snapshot create one a");
    std::fs::write(s.data("one").join("sub/file"), "now").unwrap();
    let run = |mount: &str, line: &str| {
        s.cli().args(["run", "--rm", "--network", "none"]).args(stead_testkit::split(mount)).args(["busybox", "sh", "-c", line]).run()
    };
    assert_eq!(run("-v one@a:/x", "cat /x/sub/file").ok().text(), "then");
    assert_eq!(run("--mount type=volume,src=one@a,dst=/x,volume-subpath=sub", "cat /x/file").ok().text(), "then");
    run("-v one@a:/x", "echo no >/x/new").exits(1).says("Read-only file system");
    run("-v one@a:/x -v one:/y", "cat /x/sub/file /y/sub/file; echo yes >/y/new").ok().prints("thennow");
    run("-v one@a:/x:rw", "true")
        .exits(125)
        .says("one@a is a snapshot, which is only mounted read-only")
        .says("stead volume clone one@a NEW");
    run("-v one@b:/x", "true").exits(125).says("no such snapshot");
    run("-v none@a:/x", "true").exits(125).says("no such volume");
    assert_eq!(s.ok("volume ls -q"), "one", "nothing was made on the way");
    // Used, by a container that does not even run; also through --volumes-from.
    s.ok("create --name user -v one@a:/x:ro busybox cat /x/sub/file");
    s.ok("create --name heir --volumes-from user busybox cat /x/sub/file");
    s.x("volume snapshot rm one@a").exits(1).says("snapshot is in use by").says("user");
    s.x("volume rm one").exits(1).says("volume is in use");
    s.ok("volume prune -af");
    assert_eq!(s.ok("start -a user"), "then");
    assert_eq!(s.ok("start -a heir"), "then");
    let mount = s.inspect("user")["Mounts"][0].clone();
    assert_eq!((&mount["Type"], &mount["Name"], &mount["RW"]), (&json!("volume"), &json!("one@a"), &json!(false)), "{mount}");
    s.ok("rm user heir");
    // Docker's own client, over the socket.
    let door = Door::open(&s);
    let docker = |words: &[&str]| door.docker(s.dir()).args(words).run();
    assert_eq!(docker(&["run", "--rm", "--network", "none", "-v", "one@a:/x", "busybox", "cat", "/x/sub/file"]).ok().text(), "then");
    docker(&["create", "--name", "dd", "--mount", "type=volume,src=one@a,dst=/x,ro", "busybox", "true"]).ok();
    s.x("volume snapshot rm one@a").exits(1).says("in use by dd");
    docker(&["rm", "dd"]).ok();
    assert_eq!(s.ok("volume snapshot rm one@a"), "one@a");
}

#[test]
fn two_at_once_take_turns() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    write(&s, "writer", "-v one:/one -v two:/two");
    s.eventually("it writes", || last(&s.data("two").join("n")) > 3);
    std::thread::scope(|scope| {
        for volume in ["one", "two", "one", "two"] {
            let s = &s;
            scope.spawn(move || (0..5).for_each(|_| drop(s.ok(&format!("volume snapshot create -q {volume}")))));
        }
    });
    assert_eq!((s.x("volume snapshot ls -q one").lines().len(), s.x("volume snapshot ls -q two").lines().len()), (10, 10));
    assert!(grows(&s.data("one").join("n")));
}

#[test]
fn a_snapshot_that_is_stopped_does_not_stop_a_database() {
    let Some(s) = beyond_the_peer("snapshots") else { return };
    write(&s, "writer", "-v one:/one -v two:/two");
    let id = s.inspect("writer")["Id"].as_str().unwrap().to_owned();
    let file = s.data("one").join("n");
    s.eventually("it writes", || last(&file) > 3);
    std::fs::create_dir(s.data("one").join("many")).unwrap();
    let touch =
        || (0..1500).for_each(|n| std::fs::write(s.data("one").join(format!("many/{n}")), format!("{n} {:?}", Instant::now())).unwrap());
    touch();
    s.ok("system config set snapshot.freeze-limit 400ms");
    let signal = |name: &str, pid: u32| drop(stead_testkit::Command::new("kill").args([name, &pid.to_string()]).run().ok());
    let mut caught = 0;
    for round in 0..60 {
        touch();
        let child = s.cli().args(["volume", "snapshot", "create", "one"]).arg(format!("r{round}")).spawn();
        // As soon as it holds the container, and at other moments too.
        let end = Instant::now() + Duration::from_millis(if round % 4 == 0 { round } else { 3000 });
        while Instant::now() < end && !is_frozen(&id) && !names(&s.root().join("volumes/one/snapshots")).contains(&format!("r{round}")) {
            std::thread::sleep(Duration::from_micros(200));
        }
        signal("-STOP", child.id());
        let hit = is_frozen(&id);
        let began = Instant::now();
        s.eventually("it goes on, though nobody lets it", || !is_frozen(&id));
        assert!(began.elapsed() < Duration::from_secs(5) && grows(&file));
        signal("-CONT", child.id());
        let out = child.wait_with_output().unwrap();
        if hit && !out.status.success() {
            caught += 1;
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(said.contains("the time it may be held for was up"), "{said}");
            assert!(!names(&s.root().join("volumes/one/snapshots")).contains(&format!("r{round}")), "what was not of one instant is there");
        }
        if caught == 3 {
            break;
        }
    }
    assert!(caught > 0, "it was never stopped while it held the container");
    s.ok("system check");
}
