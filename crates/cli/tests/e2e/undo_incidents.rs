//! Data that other engines have lost, told as they lost it. Here it is there, or can be had back.
use crate::door::Door;
use crate::scene::{beyond_the_peer, named};
use stead_testkit::{Command, Sandbox, mounts_below, skip};

fn scene() -> Option<Sandbox> {
    beyond_the_peer("trash")
}

/// docker-compose 1.29 on a served socket.
fn compose(s: &Sandbox, door: &Door, project: &str) -> Option<impl Fn(&str) -> stead_testkit::Output + use<>> {
    if !std::path::Path::new("/usr/bin/docker-compose").exists() {
        skip("no docker-compose here");
        return None;
    }
    let file = s.dir().join("docker-compose.yml");
    std::fs::write(&file, project).unwrap();
    let base = Command::new("/usr/bin/docker-compose")
        .env("HOME", s.dir())
        .env("DOCKER_HOST", format!("unix://{}", door.socket().display()))
        .args(["-p", "shop", "-f"])
        .arg(&file);
    Some(move |line: &str| base.clone().args(stead_testkit::split(line)).run())
}

/// moby#41686: after a restart of the daemon with live-restore its counters of users were 0, and `volume prune` took the volumes of containers
/// that ran. Users are records here: whoever asks after the server was killed gets the same answer.
#[test]
fn moby_41686_a_prune_after_the_server_was_killed_spares_the_volumes_of_who_runs() {
    let Some(s) = scene() else { return };
    let door = Door::open(&s);
    s.ok(
        "run -d --name runs --restart always --network none -v data:/d -v /anon busybox sh -c 'echo x >/d/f; echo x >/anon/f; sleep 1000'",
    );
    let volumes: Vec<String> = s.ok("volume ls -q").lines().map(str::to_owned).collect();
    assert_eq!(volumes.len(), 2);
    s.eventually("it wrote", || volumes.iter().all(|name| s.data(name).join("f").exists()));
    door.kill();
    drop(door);
    let door = Door::open(&s);
    assert_eq!(door.post("/v1.41/volumes/prune").json()["VolumesDeleted"], serde_json::json!([]));
    assert!(!s.ok("volume prune -af --now").contains("Deleted"));
    assert!(!s.ok("system prune -af --volumes --now").contains("Deleted Volumes"));
    // Neither when the monitor dies too: the record still says who uses what.
    let pid = s.ok("inspect -f '{{.State.Pid}}' runs");
    Command::new("kill").args(["-9", &pid]).run().ok();
    assert!(!s.ok("volume prune -af --now").contains("Deleted"));
    for name in &volumes {
        assert!(s.data(name).join("f").exists(), "{name}");
    }
    s.ok("rm -f runs");
}

/// moby#37706 (8472, 38883): `volume rm` of a volume in use went through after the daemon had been restarted.
#[test]
fn moby_37706_a_volume_in_use_is_not_removed_after_the_server_came_back() {
    let Some(s) = scene() else { return };
    let door = Door::open(&s);
    s.ok("run -d --name runs --network none -v data:/d busybox sleep 1000");
    s.ok("create --name never --network none -v other:/d busybox true");
    door.kill();
    drop(door);
    let door = Door::open(&s);
    for name in ["data", "other"] {
        for query in ["", "?force=1"] {
            let refused = door.delete(&format!("/v1.41/volumes/{name}{query}"));
            assert!(refused.status == 409 && refused.message().contains("volume is in use"), "{}", refused.text());
        }
        s.x(&format!("volume rm -f --now {name}")).exits(1).says("volume is in use");
    }
    s.ok("rm -f runs never");
    s.ok("volume rm data other");
}

/// podman#5009: a field of the database had changed its meaning between versions, and `run --rm` deleted volumes that had names.
#[test]
fn podman_5009_rm_of_a_container_never_takes_a_volume_with_a_name() {
    let Some(s) = scene() else { return };
    s.ok("volume create made");
    s.ok("run --rm --network none -v made:/a -v onuse:/b --mount type=volume,src=mounted,dst=/c busybox sh -c 'touch /a/f /b/f /c/f'");
    s.ok("run --name one --network none -v made:/a -v onuse:/b --mount type=volume,src=mounted,dst=/c busybox true");
    // One that inherits them, and one that was renamed on the way.
    s.ok("run --rm --network none --volumes-from one busybox true");
    s.ok("volume rename onuse renamed");
    s.ok("rm -fv --now one");
    assert_eq!(s.ok("volume ls -q"), "made\nmounted\nrenamed");
    for name in ["made", "mounted", "renamed"] {
        assert!(s.data(name).join("f").exists(), "{name}");
    }
    assert_eq!(s.ok("volume trash ls -q"), "");
}

/// owncloud/client#7358: `docker-compose down -v` took a year of data. Here it is in the trash, and what is protected was never gone.
#[test]
fn owncloud_7358_down_v_can_be_undone() {
    let Some(s) = scene() else { return };
    let door = Door::open(&s);
    let project = "version: '2.4'\nservices:\n  files:\n    image: busybox:latest\n    network_mode: none\n    command: sh -c 'echo year >/files/f; \
                   echo year >/cache/f; echo year >/precious/f; sleep 1000'\n    volumes: ['files:/files', 'precious:/precious', '/cache']\n    \
                   stop_grace_period: 1s\nvolumes:\n  files: {labels: {kept: 'yes'}}\n  precious:\n";
    let Some(compose) = compose(&s, &door, project) else { return };
    compose("up -d").ok();
    let is_written = || ["shop_files", "shop_precious"].iter().all(|name| s.data(name).join("f").exists());
    s.eventually("it wrote", is_written);
    s.ok("volume protect shop_precious");
    let told = "volume inspect -f '{{json .Labels}} {{.CreatedAt}} {{.Mountpoint}} {{.Driver}}' shop_files";
    let before = s.ok(told);
    drop(compose("down -v -t 0"));
    assert_eq!(s.ok("volume ls -q"), "shop_precious", "it is protected");
    assert_eq!(s.ok("volume trash ls --format '{{.Name}}'").lines().filter(|name| *name == "shop_files").count(), 1);
    assert_eq!(s.ok("volume undelete shop_files"), "shop_files");
    assert_eq!(s.ok(told), before, "labels of the project too: compose knows it again");
    let content = std::fs::read_to_string(s.data("shop_files").join("f")).unwrap();
    assert_eq!(content, "year\n");
    compose("up -d").ok();
    s.eventually("it runs again", || s.ok("ps -q").lines().count() == 1);
    assert_eq!(s.ok("volume ls -q -f name=shop_files"), "shop_files");
    s.ok("volume unprotect shop_precious");
    compose("down -v -t 0").ok();
    assert!(s.ok("volume ls -q").is_empty());
}

/// for-mac#5753: "reclaim space" deleted the volumes of the dependencies of a `run --rm`.
#[test]
fn for_mac_5753_run_rm_leaves_the_volumes_of_its_dependencies() {
    let Some(s) = scene() else { return };
    let door = Door::open(&s);
    let project = "version: '2.4'\nservices:\n  db:\n    image: busybox:latest\n    network_mode: none\n    command: sh -c 'echo rows >/db/f; echo rows \
                   >/anon/f; sleep 1000'\n    volumes: ['db:/db', '/anon']\n    stop_grace_period: 1s\n  job:\n    image: busybox:latest\n    \
                   network_mode: none\n    command: 'true'\n    depends_on: [db]\nvolumes:\n  db:\n";
    let Some(compose) = compose(&s, &door, project) else { return };
    compose("run --rm job").ok();
    s.eventually("it wrote", || s.data("shop_db").join("f").exists());
    let volumes = s.ok("volume ls -q");
    assert_eq!(volumes.lines().count(), 2, "{volumes}");
    assert_eq!(s.ok("volume trash ls -q"), "");
    for prune in ["system prune -f", "system prune -af --volumes --now", "volume prune -af --now"] {
        s.x(prune).ok();
        assert_eq!(s.ok("volume ls -q"), volumes, "{prune}");
    }
    compose("down -t 0").ok();
    assert!(s.data("shop_db").join("f").exists());
}

/// kubernetes#72257: the clean-up of orphaned pods deleted through volumes that were still mounted, on 26 of 29 nodes.
#[test]
fn k8s_72257_a_sweep_never_goes_through_a_mount() {
    let Some(s) = scene() else { return };
    let precious = s.mkdir("precious");
    std::fs::write(precious.join("f"), "alive").unwrap();
    s.ok("volume create data");
    let mount = |at: &std::path::Path| {
        std::fs::create_dir_all(at).unwrap();
        Command::new("mount").arg("--bind").arg(&precious).arg(at).run().ok();
    };
    // On a volume that is there: refused before anything moves.
    let inside = s.data("data").join("m");
    mount(&inside);
    s.x("volume rm -f --now data").exits(1).says("volume has active mounts");
    s.x("volume rename data store").exits(1).says("volume has active mounts");
    Command::new("umount").arg(&inside).run().ok();
    s.ok("volume rm data");
    // Mounted by a hand on what is in the trash: emptying moves it on, deletes around it, and leaves the mount alone.
    let at = std::path::PathBuf::from(s.ok("volume trash inspect -f '{{.Mountpoint}}' data")).join("m");
    mount(&at);
    s.x("volume trash empty -f").ok();
    s.x("sweep").fails();
    assert_eq!(std::fs::read_to_string(precious.join("f")).unwrap(), "alive");
    let left = mounts_below(s.root());
    for point in &left {
        Command::new("umount").arg(point).run().ok();
    }
    assert_eq!(left.len(), 1);
    s.x("sweep").ok();
    s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
    assert_eq!(std::fs::read_to_string(precious.join("f")).unwrap(), "alive");
}

/// podman#18287, #18349, #19870: a reset deleted the home directory that somebody had made the engine's root.
#[test]
fn podman_18287_below_a_directory_without_our_mark_nothing_is_deleted() {
    let Some(s) = scene() else { return };
    s.ok("volume create data");
    s.ok("volume rm data");
    let mark = s.root().join("stead.json");
    let kept = std::fs::read(&mark).unwrap();
    let looks_like = s.root().join("volumes/.trash/precious");
    std::fs::create_dir_all(&looks_like).unwrap();
    std::fs::write(&mark, "{}").unwrap();
    for line in ["volume trash empty -f", "sweep"] {
        s.x(line).fails();
    }
    std::fs::write(&mark, kept).unwrap();
    assert!(looks_like.is_dir());
    assert_eq!(s.ok("volume undelete data"), "data");
    s.x("sweep").ok();
}
