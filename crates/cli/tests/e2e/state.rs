//! State that survives: killed monitors and commands, check and repair, two engines side by side, full disks.
use crate::scene::{STEAD, beyond_the_peer, busybox, names};
use stead_testkit::{Disk, Fs, Sandbox, mounts_below, processes_naming};

/// Kills every monitor of this sandbox, as a power cut or an angry administrator would.
fn kill_monitors(s: &Sandbox) -> usize {
    let ours = processes_naming(s.root().to_str().unwrap());
    for (pid, _) in &ours {
        stead_testkit::Command::new("kill").args(["-9", &pid.to_string()]).run().ok();
    }
    ours.len()
}

/// Whether a process still does something; one that nobody has collected yet does not.
fn alive(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

#[test]
fn a_killed_monitor_is_noticed_and_the_container_can_go_on() {
    let Some(s) = beyond_the_peer("monitors") else { return };
    s.ok("run -d --name cc -v data:/d busybox sh -c 'echo run >>/d/log; sleep 600'");
    s.eventually("it ran", || s.data("data").join("log").exists());
    let pid = s.inspect("cc")["State"]["Pid"].as_u64().unwrap();
    assert_eq!(kill_monitors(&s), 1);
    s.eventually("not running any more", || s.inspect("cc")["State"]["Running"] == false);
    s.eventually("its process has ended with it", || !alive(pid));
    s.ok("volume ls");
    s.x("volume rm data").exits(1).says("volume is in use");
    s.ok("start cc");
    s.eventually("a second run", || std::fs::read_to_string(s.data("data").join("log")).unwrap().lines().count() == 2);
    s.ok("rm -f cc");
    s.ok("system check");
    s.ok("volume rm data");
}

#[test]
fn check_finds_and_repair_mends_and_data_stays() {
    let Some(s) = beyond_the_peer("system check") else { return };
    s.ok("run -d --name cc -v data:/d --tmpfs /t busybox sh -c 'echo kept >/d/f; sleep 600'");
    s.eventually("written", || std::fs::read_to_string(s.data("data").join("f")).is_ok_and(|text| text == "kept\n"));
    kill_monitors(&s);
    s.ok("system check --repair");
    assert!(mounts_below(s.root()).is_empty() && mounts_below(s.run_root()).is_empty());
    s.ok("system check");
    assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept\n");
    assert_eq!(s.inspect("cc")["State"]["Running"], false);
    s.ok("start cc");
    s.ok("rm -f cc");
}

#[test]
fn the_run_root_may_vanish_as_at_a_reboot() {
    let Some(s) = beyond_the_peer("a run root of its own") else { return };
    s.ok("run -d --name cc -v data:/d --restart always busybox sh -c 'touch /d/f; sleep 600'");
    s.ok("volume create -o type=tmpfs -o device=tmpfs tv");
    s.ok("run -d --name tt -v tv:/t busybox sleep 600");
    s.eventually("written", || s.data("data").join("f").exists());
    kill_monitors(&s);
    stead_testkit::unmount_below(s.dir());
    std::fs::remove_dir_all(s.run_root()).unwrap();
    assert_eq!(s.ok("ps -q"), "");
    assert_eq!(s.x("ps -aq").ok().lines().len(), 2);
    assert!(s.x("ps -a --format '{{.Status}}'").ok().lines().iter().all(|status| status.starts_with("Exited (255) ")));
    let state = s.inspect("cc")["State"].clone();
    assert_eq!((state["Status"].as_str(), state["ExitCode"].as_i64()), (Some("exited"), Some(255)));
    assert!(state["StartedAt"].as_str() <= state["FinishedAt"].as_str() && state["StartedAt"].as_str() > Some("2"), "{state}");
    s.ok("start cc tt");
    assert_eq!(s.ok("exec cc ls /d"), "f");
    s.ok("rm -f cc tt");
    s.ok("system check");
}

#[test]
fn why_a_start_failed_is_kept() {
    let s = busybox();
    s.x("run --name cc --network none busybox sh -c 'exit 3'").exits(3);
    s.ok("create --name nn --network container:cc busybox true");
    s.x("start nn").fails();
    let state = s.inspect("nn")["State"].clone();
    assert_eq!((state["Status"].as_str(), state["ExitCode"].as_i64()), (Some("created"), Some(128)), "{state}");
    assert!(state["Error"].as_str().unwrap().contains("cannot join network of a non running container"), "{state}");
    assert_eq!((state["StartedAt"].as_str(), state["FinishedAt"].as_str()), (Some("0001-01-01T00:00:00Z"), Some("0001-01-01T00:00:00Z")));
    s.ok("create --name pp --network none busybox nosuchprogram");
    s.x("start pp").fails();
    assert_eq!(s.inspect("pp")["State"]["ExitCode"], 127);
    s.ok("rm -f nn pp cc");
}

#[test]
fn the_store_is_rebuilt_from_the_volumes_themselves() {
    let Some(s) = beyond_the_peer("a store") else { return };
    s.ok("volume create --label a=1 one");
    s.ok("volume create -o type=tmpfs -o device=tmpfs two");
    std::fs::write(s.data("one").join("f"), "kept").unwrap();
    for file in ["stead.db", "stead.db-wal", "stead.db-shm"] {
        std::fs::remove_file(s.root().join(file)).ok();
    }
    s.ok("system check --repair");
    assert_eq!(s.ok("volume ls -q"), "one\ntwo");
    assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' one"), "1");
    assert_eq!(s.ok("volume inspect -f '{{index .Options \"type\"}}' two"), "tmpfs");
    assert_eq!(std::fs::read_to_string(s.data("one").join("f")).unwrap(), "kept");
}

#[test]
fn a_directory_by_hand_is_adopted_and_stray_ones_are_not_deleted() {
    let Some(s) = beyond_the_peer("this") else { return };
    s.ok("volume create one");
    let stray = s.root().join("volumes/byhand/_data");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("precious"), "x").unwrap();
    assert!(s.x("system check --repair").code < 2);
    assert_eq!(std::fs::read_to_string(stray.join("precious")).unwrap(), "x");
    assert!(s.ok("volume ls -q").lines().any(|v| v == "byhand"));
    assert_eq!(s.ok("run --rm -v byhand:/d busybox ls /d"), "precious");
}

#[test]
fn one_bad_record_disables_one_object() {
    let Some(s) = beyond_the_peer("records") else { return };
    s.ok("create --name bad busybox");
    s.ok("create --name good -v data:/d busybox true");
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1]); n=c.execute(\"update records set body='{broken' where kind='container' and name like '%bad'\").rowcount; c.commit(); print(n)";
    let out = stead_testkit::Command::new("python3").args(["-c", script]).arg(s.root().join("stead.db")).run().ok();
    assert_eq!(out.text(), "1");
    assert!(s.x("ps -a").ok().text().contains("good"));
    s.ok("start good");
    s.ok("volume ls");
    s.x("start bad").fails();
    s.ok("create --name third busybox");
    s.x("rm bad").fails().says("rm -f");
    s.ok("rm -f bad");
    assert!(!s.x("ps -a").ok().text().contains("bad"));
    s.ok("rm good third");
}

#[test]
fn two_engines_side_by_side() {
    let Some(a) = beyond_the_peer("--root") else { return };
    let b = busybox();
    a.ok("run -d --name same -v data:/d busybox sh -c 'echo a >/d/f; sleep 600'");
    b.ok("run -d --name same -v data:/d busybox sh -c 'echo b >/d/f; sleep 600'");
    a.eventually("both wrote", || a.data("data").join("f").exists() && b.data("data").join("f").exists());
    assert_eq!(a.ok("exec same cat /d/f"), "a");
    assert_eq!(b.ok("exec same cat /d/f"), "b");
    a.ok("rm -f same");
    a.ok("volume prune -af");
    assert_eq!(b.ok("exec same cat /d/f"), "b");
    b.ok("rm -f same");
}

#[test]
fn many_commands_at_once() {
    let s = busybox();
    let threads: Vec<_> = (0..12)
        .map(|i| {
            let cli = s.cli();
            std::thread::spawn(move || {
                let name = format!("vol-{}", i % 4);
                cli.clone().args(["volume", "create", &name]).run().ok();
                cli.clone().args(["run", "--rm", "-v", &format!("{name}:/d"), "busybox", "touch", &format!("/d/{i}")]).run().ok();
                cli.args(["ps", "-a"]).run().ok();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for v in 0..4 {
        assert_eq!(names(&s.data(&format!("vol-{v}"))).len(), 3);
    }
    assert_eq!(s.ok("ps -aq"), "");
}

#[test]
fn a_full_disk_still_lists_removes_and_prunes() {
    let disk = Disk::new(Fs::Ext4, 64);
    let s = Sandbox::on(STEAD, disk.path());
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        stead_testkit::skip("a promise of ours");
        return;
    }
    s.load("busybox");
    s.ok("volume create kept");
    s.ok("volume create gone");
    let anon = s.ok("volume create");
    std::fs::write(s.data("kept").join("f"), "kept").unwrap();
    s.ok("create --name cc -v kept:/d busybox true");
    s.ok("create --name dd busybox true");
    disk.fill();
    let said = s.x("volume create another").fails();
    assert!(said.stderr.to_lowercase().contains("no space left"), "{said}");
    assert_eq!(s.x("volume ls -q").ok().lines().len(), 3);
    assert_eq!(s.x("ps -aq").ok().lines().len(), 2);
    s.ok("rm dd");
    s.ok("volume rm gone");
    assert!(s.ok("volume prune -f").contains(&anon));
    disk.empty();
    s.ok("volume create another");
    assert_eq!(std::fs::read_to_string(s.data("kept").join("f")).unwrap(), "kept");
    s.ok("rm cc");
    s.ok("system check");
    drop(s);
}

#[test]
fn a_disk_that_fills_during_copy_up() {
    let disk = Disk::new(Fs::Ext4, 48);
    let s = Sandbox::on(STEAD, disk.path());
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        stead_testkit::skip("a promise of ours");
        return;
    }
    let tree = s.mkdir("tree");
    std::fs::create_dir(tree.join("seed")).unwrap();
    for f in 0..300 {
        std::fs::write(tree.join(format!("seed/{f}")), vec![b'x'; 30_000]).unwrap();
    }
    stead_testkit::Command::new("tar").args(["-cf", "t.tar", "-C", "tree", "."]).dir(s.dir()).run().ok();
    s.load("busybox");
    s.ok("import ./t.tar seed:1");
    // Room for half of it.
    let free = stead_testkit::Command::new("df").args(["--output=avail", "-B1"]).arg(disk.path()).run().ok();
    let free: usize = free.lines().last().unwrap().trim().parse().unwrap();
    std::fs::write(disk.path().join("filler"), vec![1u8; free - 6_000_000]).unwrap();
    let said = s.x("create --name cc -v data:/seed seed:1 /none").fails();
    assert!(said.stderr.to_lowercase().contains("no space left"), "{said}");
    disk.empty();
    assert!(s.x("rm cc").code < 2, "there may be none");
    s.ok("create --name c2 -v data:/seed seed:1 /none");
    assert_eq!(names(&s.data("data")).len(), 300, "all of it, not half");
    s.ok("rm c2");
    s.ok("system check");
}

/// repositories-aufs, config.v2.json, boltdb's free list: an engine whose records were torn used to refuse to start, and people deleted the root.
#[test]
fn damaged_records_are_put_aside_and_volumes_come_back() {
    let Some(s) = beyond_the_peer("records of our own") else { return };
    s.ok("run --name cc -v data:/d busybox sh -c 'echo kept >/d/f'");
    let database = s.root().join("stead.db");
    for log in ["stead.db-wal", "stead.db-shm"] {
        std::fs::remove_file(s.root().join(log)).ok();
    }
    std::fs::write(&database, vec![0x5a; 40_000]).unwrap();
    s.x("ps -a").fails().says("stead system check --repair");
    // What the container wrote has no record any more: it is named and kept, so something is left to do.
    let said = s.x("system check --repair").exits(1).text().to_owned();
    assert!(said.contains("stead.db.damaged-") && said.contains("its directory has no record; it is kept"), "{said}");
    let kept = names(s.root()).into_iter().filter(|name| name.starts_with("stead.db.damaged-")).count();
    assert!(kept >= 1, "the damaged file is evidence");
    assert_eq!(s.ok("volume ls -q"), "data");
    assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept\n");
    s.load("busybox");
    assert_eq!(s.ok("run --rm -v data:/d busybox cat /d/f"), "kept");
}
