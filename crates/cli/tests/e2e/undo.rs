//! Whatever removes a volume, it can be had back: content, snapshots, labels, options. By our own command line, by Docker's, by compose.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer, named};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stead_testkit::{Command, Disk, Fs, Output, Sandbox, skip};

/// A sandbox on a file system of each kind.
fn on_each(what: impl Fn(&Sandbox)) {
    if beyond_the_peer("trash").is_none() {
        return;
    }
    for (fs, mib) in [(Fs::Ext4, 160), (Fs::Xfs, 320), (Fs::Btrfs, 200)] {
        let disk = Disk::new(fs, mib);
        what(&Sandbox::on(STEAD, disk.path()).with(&["busybox"]));
    }
}

fn own() -> Option<Sandbox> {
    beyond_the_peer("trash")
}

fn trashed(s: &Sandbox) -> Vec<(String, String)> {
    let lines = s.x("volume trash ls --format json").ok().lines();
    let field = |line: &str, key: &str| serde_json::from_str::<Value>(line).unwrap()[key].as_str().unwrap().to_owned();
    lines.iter().map(|line| (field(line, "Name"), field(line, "RemovedBy"))).collect()
}

/// What is known of a volume but when it was used last.
fn unused(volume: &Value) -> Value {
    let mut volume = volume.clone();
    if let Some(status) = volume["Status"].as_object_mut() {
        status.retain(|key, _| !key.starts_with("LastUsed"));
    }
    volume
}

/// The one anonymous volume of a container.
fn anonymous(s: &Sandbox, container: &str) -> String {
    s.ok(&format!("inspect -f '{{{{range .Mounts}}}}{{{{if eq .Destination \"/anon\"}}}}{{{{.Name}}}}{{{{end}}}}{{{{end}}}}' {container}"))
}

#[test]
fn every_way_of_removing_can_be_undone_on_every_file_system() {
    on_each(|s| {
        let fill = |name: &str| {
            s.ok(&format!("volume create --label of={name} {name}"));
            s.ok(&format!("run --rm --network none -v {name}:/d busybox sh -c 'mkdir /d/sub; echo {name} >/d/sub/f; ln -s sub /d/link'"));
        };
        let is_back = |name: &str, as_it_was: &Value| {
            assert_eq!(s.ok(&format!("volume undelete {name}")), name);
            assert_eq!(unused(&s.x(&format!("volume inspect {name}")).ok().json()[0]), unused(as_it_was));
            assert_eq!(s.ok(&format!("run --rm --network none -v {name}:/d busybox cat /d/link/f")), name);
            assert!(trashed(s).is_empty());
        };
        fill("data");
        s.ok("volume snapshot create data monday");
        std::fs::write(s.data("data").join("since"), "new").unwrap();
        let data = s.x("volume inspect data").ok().json()[0].take();
        assert_eq!(s.ok("volume rm data"), "data");
        assert_eq!(s.ok("volume ls -q"), "");
        assert_eq!(trashed(s), [("data".to_owned(), "volume rm".to_owned())]);
        is_back("data", &data);
        assert!(s.ok("volume prune -af").contains("Deleted Volumes:\ndata\n"));
        is_back("data", &data);
        assert_eq!(s.ok("volume snapshot ls -q data"), "data@monday");
        s.ok("volume rollback data@monday");
        assert!(!s.data("data").join("since").exists() && s.data("data").join("sub/f").exists());
        // Volumes that nobody named: by rm -v, by --rm in front and behind, by a prune.
        let scribble = "sh -c 'echo mine >/anon/f'";
        s.ok(&format!("run --name one --network none -v /anon busybox {scribble}"));
        let name = anonymous(s, "one");
        let before = s.x(&format!("volume inspect {name}")).ok().json()[0].take();
        for remove in ["rm -v one", "volume prune -f", "system prune -f --volumes"] {
            s.x(remove).ok();
            assert_eq!(trashed(s).len(), 1, "{remove}");
            assert_eq!(s.ok(&format!("volume undelete {name}")), name);
            assert_eq!(s.x(&format!("volume inspect {name}")).ok().json()[0], before, "{remove}");
        }
        assert_eq!(std::fs::read_to_string(s.data(&name).join("f")).unwrap(), "mine\n");
        s.ok(&format!("run --rm --name two --network none -v /anon busybox {scribble}"));
        assert_eq!(trashed(s)[0].1, "run --rm");
        let id = s.ok("run -d --rm --name three --network none -v /anon busybox sh -c 'echo mine >/anon/f; sleep 1000'");
        let third = anonymous(s, "three");
        s.eventually("it wrote", || s.data(&third).join("f").exists());
        s.ok("kill three");
        s.eventually("it is removed", || !s.ok("ps -aq --no-trunc").contains(&id) && trashed(s).iter().any(|(name, _)| *name == third));
        assert_eq!(s.ok(&format!("volume undelete {third} found")), "found");
        assert_eq!(s.ok("run --rm --network none -v found:/d busybox cat /d/f"), "mine");
        assert_eq!(s.ok("volume inspect -f '{{.Labels}}' found"), "map[]", "it has a name now");
        assert_eq!(s.ok("system check"), "Nothing is wrong.");
        // What goes in the end goes with its snapshots, which may be subvolumes.
        s.ok("volume snapshot create found tuesday");
        s.ok("volume rm --now found");
        s.ok("volume rm data");
        s.ok("volume trash empty -f");
        s.x("sweep").ok();
        s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
    });
}

#[test]
fn now_means_now_and_empty_gives_back() {
    let Some(s) = own() else { return };
    let fill = |name: &str| {
        s.ok(&format!("volume create {name}"));
        std::fs::write(s.data(name).join("f"), vec![b'x'; 3_000_000]).unwrap();
    };
    let is_swept = || s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
    for remove in ["volume rm --now data", "volume prune -af --now", "volume rm -f --now data"] {
        fill("data");
        s.x(remove).ok();
        assert!(trashed(&s).is_empty(), "{remove}");
        s.fails(1, "volume undelete data");
        is_swept();
    }
    s.ok("run --name one --network none -v /anon busybox sh -c 'echo x >/anon/f'");
    s.ok("rm -v --now one");
    s.ok("run --name one --network none -v /anon busybox sh -c 'echo x >/anon/f'");
    s.ok("rm one");
    s.ok("system prune -f --volumes --now");
    assert!(trashed(&s).is_empty());
    for name in ["one", "two", "three"] {
        fill(name);
        s.ok(&format!("volume rm {name}"));
    }
    assert!(s.ok("system df").contains("Removed Volumes   3         0         9MB"), "{}", s.ok("system df"));
    let verbose = s.ok("system df -v");
    assert!(verbose.contains("Removed Volumes space usage:") && verbose.contains("3MB"), "{verbose}");
    let asked = s.cli().args(["volume", "trash", "empty"]).stdin("n\n").run().exits(1).says("volume trash empty has been cancelled");
    assert!(asked.text().contains("9MB in 3 volumes."), "{asked}");
    assert!(s.ok("volume trash empty -f --older-than 1h").contains("Total reclaimed space: 0B"));
    assert!(s.ok("volume trash empty -f two").contains("Total reclaimed space: 3MB"));
    assert_eq!(trashed(&s).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["three", "one"], "the latest first");
    s.x("volume trash empty -f two").exits(1).says("no such volume in the trash: two").says("stead volume trash ls");
    assert!(s.ok("volume trash empty -f").contains("Total reclaimed space: 6MB"));
    is_swept();
    assert!(!s.ok("system df").contains("Removed Volumes"), "Docker's lines alone where there is nothing to tell");
    s.x("volume trash empty --older-than soon").fails().says("no duration");
}

#[test]
fn a_taken_name_says_what_helps_and_of_several_the_latest_is_told() {
    let Some(s) = own() else { return };
    for content in ["one", "two"] {
        s.ok("volume create data");
        std::fs::write(s.data("data").join("f"), content).unwrap();
        s.ok("volume rm data");
    }
    let out = s.x("volume undelete data").ok();
    out.says("This is the latest of that name; still in the trash: ");
    assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "two");
    s.x("volume undelete data")
        .exits(1)
        .says("Error: undelete data: a volume named data exists already")
        .says("stead volume undelete data NEWNAME");
    let id = s.ok("volume trash ls -q");
    assert_eq!(s.ok(&format!("volume undelete {id} data-old")), "data-old");
    assert_eq!(std::fs::read_to_string(s.data("data-old").join("f")).unwrap(), "one");
    s.x("volume undelete nope").exits(1).says("no such volume in the trash: nope");
    s.x("volume undelete ../../etc").exits(1).says("no such volume in the trash");
    s.ok("volume rm data-old");
    s.x("volume undelete data-old 'no good'").exits(1).says("includes invalid characters");
    assert_eq!(s.ok("volume trash inspect -f '{{.Name}} {{.RemovedBy}} {{.Size}}' data-old"), "data-old volume rm 3");
}

#[test]
fn no_flag_removes_what_is_protected() {
    let Some(s) = own() else { return };
    let door = Door::open(&s);
    let docker = |line: &str| door.docker(s.dir()).args(stead_testkit::split(line)).run();
    s.ok("volume create data");
    assert_eq!(s.ok("volume protect data"), "data");
    assert_eq!(s.x("volume inspect data").ok().json()[0]["Status"]["Protected"], true);
    assert_eq!(s.ok("volume ls --format '{{.Name}} {{.Protected}}'"), "data true");
    for line in ["volume rm data", "volume rm -f data", "volume rm --now data", "volume rm -f --now data"] {
        s.x(line).exits(1).says("remove data: volume is protected").says("stead volume unprotect data");
    }
    docker("volume rm -f data").exits(1).says("remove data: volume is protected");
    for line in ["volume prune -af", "volume prune -af --now", "system prune -af --volumes --now"] {
        assert!(!s.ok(line).contains("data"), "{line}");
    }
    docker("volume prune -f").ok();
    let refused = door.delete("/v1.50/stead/volumes/data?force=1&now=1");
    assert_eq!((refused.status, refused.message().as_str()), (409, "remove data: volume is protected"));
    // One that nobody named stays at the end of its container, however that ends.
    s.load("busybox");
    for (name, remove) in [("one", "rm -fv one"), ("two", "rm -fv --now two"), ("three", "kill three")] {
        let rm = if name == "three" { "--rm" } else { "" };
        s.ok(&format!("run -d {rm} --name {name} --network none -v /anon busybox sh -c 'echo x >/anon/f; sleep 1000'"));
        let volume = anonymous(&s, name);
        s.eventually("it wrote", || s.data(&volume).join("f").exists());
        s.ok(&format!("volume protect {volume}"));
        s.ok(remove);
        s.eventually("the container is gone", || !s.ok("ps -a --format '{{.Names}}'").contains(name));
        assert!(s.data(&volume).join("f").exists(), "{remove}");
        s.ok(&format!("volume unprotect {volume}"));
        s.ok(&format!("volume rm --now {volume}"));
    }
    // What it does not forbid.
    s.ok("volume rename data store");
    s.fails(1, "volume rm store");
    s.ok("volume unprotect store");
    assert!(s.x("volume inspect store").ok().json()[0]["Status"]["Protected"].is_null());
    s.ok("volume rm store");
    assert_eq!(s.ok("volume trash ls --format '{{.Name}}'"), "store");
}

#[test]
fn what_is_due_goes_by_itself_and_nothing_before() {
    let Some(s) = own() else { return };
    assert_eq!(s.ok("system config get trash.keep-named"), "7d");
    s.x("system config set trash.keep-named soon").exits(1).says("invalid value \"soon\" for trash.keep-named").says("7d, 36h or 2w");
    s.x("system config set no.such 1").exits(1).says("no such setting: no.such");
    s.ok("volume create long");
    s.ok("volume rm long");
    s.ok("system config set trash.keep-named 1s");
    s.ok("volume create short");
    s.ok("volume rm short");
    assert_eq!(trashed(&s).len(), 2);
    std::thread::sleep(Duration::from_millis(2300));
    // Whatever is made or removed next sees to it.
    s.ok("volume create other");
    s.eventually("what is due goes", || trashed(&s).iter().all(|(name, _)| name == "long"));
    assert_eq!(trashed(&s).len(), 1, "what was removed before the setting has the time it was given");
    s.ok("volume undelete long");
    let purged = s.ok("events --since 1h --until 0s -f event=purge --format '{{.Actor.ID}} {{.Actor.Attributes.by}}'");
    assert_eq!(purged, "short expiry");
    // A timer sees to it too.
    s.ok("volume create timed");
    s.ok("volume rm timed");
    std::thread::sleep(Duration::from_millis(2300));
    s.ok("system run-due");
    assert!(trashed(&s).is_empty());
    s.ok("system config set trash.keep-named 0");
    s.ok("volume rm other");
    assert!(trashed(&s).is_empty());
    s.ok("system config set trash.keep-named ''");
    let listed = s.ok("system config ls --format '{{.Key}} {{.Value}} {{.Source}}'");
    assert!(listed.lines().any(|line| line == "trash.keep-named 7d default"), "{listed}");
    // A configuration that cannot be read makes nobody lose what would have been kept.
    std::fs::write(s.root().join("config.json"), "{ torn").unwrap();
    s.x("volume rm long").ok().says("kept as if nothing were set");
    assert_eq!(trashed(&s).len(), 1);
    s.fails(1, "system config ls");
}

#[test]
fn under_pressure_the_oldest_goes_and_only_if_that_was_asked_for() {
    let Some(_peer) = own() else { return };
    let disk = Disk::new(Fs::Ext4, 200);
    let s = Sandbox::on(STEAD, disk.path());
    let fill = |name: &str| {
        s.ok(&format!("volume create {name}"));
        std::fs::write(s.data(name).join("f"), vec![b'x'; 30 << 20]).unwrap();
        s.ok(&format!("volume rm {name}"));
    };
    for name in ["one", "two", "three"] {
        fill(name);
    }
    disk.fill();
    s.x("sweep").ok();
    assert_eq!(trashed(&s).len(), 3, "a full disk alone takes nothing");
    // 40 MiB: two of thirty must go, the oldest two.
    disk.empty();
    s.ok("system config set trash.pressure 40m");
    s.x("sweep").ok();
    assert_eq!(trashed(&s).len(), 3, "there is enough");
    disk.fill();
    s.x("sweep").ok();
    assert_eq!(trashed(&s).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["three"]);
    let purged = s.ok("events --since 1h --until 0s -f event=purge --format '{{.Actor.ID}} {{.Actor.Attributes.by}}'");
    assert_eq!(purged, "one pressure\ntwo pressure");
    s.x("sweep").ok();
    assert_eq!(trashed(&s).len(), 1, "no more than must");
}

#[test]
fn on_a_full_disk_volumes_can_be_removed_undeleted_and_given_back() {
    let Some(_peer) = own() else { return };
    let disk = Disk::new(Fs::Ext4, 64);
    let s = Sandbox::on(STEAD, disk.path());
    for name in ["one", "two", "first"] {
        s.ok(&format!("volume create {name}"));
        std::fs::write(s.data(name).join("f"), vec![b'x'; 8 << 20]).unwrap();
    }
    // The directory of removed volumes is there on every root that was ever used for long.
    s.ok("volume rm first");
    disk.fill();
    s.ok("volume rm one");
    s.ok("volume rm two");
    assert_eq!(s.ok("volume undelete one"), "one");
    assert_eq!(std::fs::metadata(s.data("one").join("f")).unwrap().len(), 8 << 20);
    s.ok("volume trash empty -f");
    s.eventually("the space is back", || {
        Command::new("df").args(["--output=avail", "-B1M"]).arg(disk.path()).run().ok().lines()[1].trim().parse::<u64>().unwrap() >= 10
    });
}

/// The removal is one rename, however much there is to delete.
#[test]
fn fifty_thousand_files_are_gone_in_milliseconds_and_back_as_fast() {
    let Some(s) = own() else { return };
    s.ok("volume create data");
    for dir in 0..100 {
        let dir = s.data("data").join(format!("d{dir}"));
        std::fs::create_dir(&dir).unwrap();
        for file in 0..500 {
            std::fs::File::create(dir.join(file.to_string())).unwrap();
        }
    }
    let mut quickest = [Duration::MAX; 2];
    for _ in 0..5 {
        for (line, best) in ["volume rm data", "volume undelete data"].iter().zip(&mut quickest) {
            let began = Instant::now();
            s.ok(line);
            *best = began.elapsed().min(*best);
        }
    }
    assert!(quickest.iter().all(|time| *time < Duration::from_millis(100)), "{quickest:?}");
    s.ok("volume rm --now data");
    s.eventually("the trash is swept", || named(&s.root().join("volumes/.trash")).is_empty());
}

/// Docker's own client, which knows nothing of a trash, removes; its output is what it always was.
#[test]
fn what_dockers_client_removes_can_be_had_back() {
    let Some(s) = own() else { return };
    let door = Door::open(&s);
    let docker = |line: &str| -> Output { door.docker(s.dir()).args(stead_testkit::split(line)).run() };
    docker("volume create --label a=1 data").ok();
    docker("run --rm --network none -v data:/d busybox sh -c 'echo kept >/d/f'").ok();
    let before = docker("volume inspect data").ok().text();
    assert_eq!(docker("volume rm data").ok().text(), "data");
    docker("volume inspect data").exits(1).says("no such volume");
    assert_eq!(s.ok("volume undelete data"), "data");
    assert_eq!(docker("volume inspect data").ok().text(), before);
    // A client of before 1.42 prunes what has a name too.
    s.ok("volume protect data");
    docker("run --name one --network none -v /anon busybox sh -c 'echo 12345678 >/anon/f'").ok();
    let name = anonymous(&s, "one");
    docker("rm one").ok();
    let pruned = docker("volume prune -f").ok().text();
    assert_eq!(pruned.lines().filter(|line| line.contains(&name)).count(), 1, "{pruned}");
    assert!(pruned.ends_with("Total reclaimed space: 9B"), "what it held, as Docker counts: {pruned}");
    let usage = docker("system df --format '{{.Type}}'").ok().lines();
    assert_eq!(usage, ["Images", "Containers", "Local Volumes", "Build Cache"], "Docker's lines are Docker's");
    s.ok(&format!("volume undelete {name} found"));
    assert_eq!(docker("run --rm --network none -v found:/d busybox cat /d/f").ok().text(), "12345678");
    docker("run -d --name two --network none -v /anon busybox sh -c 'echo x >/anon/f; sleep 1000'").ok();
    let second = anonymous(&s, "two");
    s.eventually("it wrote", || s.data(&second).join("f").exists());
    docker("rm -fv two").ok();
    assert_eq!(trashed(&s), [(second, "rm -v".to_owned())]);
}

#[test]
fn the_routes_do_what_the_commands_do() {
    let Some(s) = own() else { return };
    let door = Door::open(&s);
    let post = |path: &str, body: Value| door.post_json(&format!("/v1.50/stead/volumes/{path}"), &body);
    door.post_json("/volumes/create", &json!({ "Name": "data", "Labels": { "a": "1", "b": "2" } }));
    std::fs::write(s.data("data").join("f"), "12345").unwrap();
    assert_eq!(post("data/protect", json!({})).json()["Status"]["Protected"], true);
    assert_eq!(door.delete("/volumes/data?force=1").status, 409);
    assert_eq!(post("data/unprotect", json!({})).json().get("Status"), None);
    let updated = post("data/update", json!({ "Labels": { "c": "3" }, "RemoveLabels": ["a"] }));
    assert_eq!((updated.status, &updated.json()["Labels"]), (200, &json!({ "b": "2", "c": "3" })));
    let renamed = post("data/rename", json!({ "Name": "store" }));
    assert_eq!((renamed.status, renamed.json()["Name"].as_str()), (200, Some("store")));
    assert_eq!((post("data/rename", json!({ "Name": "xx" })).status, post("store/rename", json!({})).status), (404, 400));
    assert_eq!((post("nope/protect", json!({})).status, post("nope/update", json!({ "Labels": {} })).status), (404, 404));
    assert_eq!(door.delete("/volumes/store").status, 204);
    let listed = door.get("/v1.50/stead/volumes/trash").json()["Volumes"][0].take();
    assert_eq!(
        (listed["Name"].as_str(), listed["Size"].as_i64(), listed["RemovedBy"].as_str()),
        (Some("store"), Some(5), Some("volume rm"))
    );
    let id = listed["ID"].as_str().unwrap();
    assert_eq!(door.get(&format!("/v1.50/stead/volumes/trash/{id}/json")).json(), listed);
    assert_eq!(door.get("/v1.50/stead/volumes/trash/nope/json").status, 404);
    let back = post("undelete", json!({ "Volume": id, "Name": "again" }));
    assert_eq!((back.status, back.json()["Volume"]["Name"].as_str(), &back.json()["ID"]), (200, Some("again"), &listed["ID"]));
    assert_eq!(post("undelete", json!({ "Volume": id })).status, 404);
    door.post_json("/volumes/create", &json!({ "Name": "store" }));
    assert_eq!(door.delete("/volumes/again").status, 204);
    assert_eq!(post("undelete", json!({ "Volume": "again", "Name": "store" })).status, 409);
    assert_eq!(post("trash/empty", json!({ "OlderThan": "soon" })).status, 400);
    assert_eq!(post("trash/empty", json!({ "OlderThan": "1h" })).json(), json!({ "Deleted": [], "SpaceReclaimed": 0 }));
    let emptied = post("trash/empty", json!({ "Volumes": ["again"] })).json();
    assert_eq!((emptied["Deleted"][0]["Name"].as_str(), emptied["SpaceReclaimed"].as_i64()), (Some("again"), Some(5)));
    assert_eq!(door.delete("/v1.50/stead/volumes/store?now=1").status, 204);
    door.post_json("/volumes/create", &json!({ "Name": "store" }));
    assert_eq!(post("prune?all=1&now=1", json!({})).json()["VolumesDeleted"], json!(["store"]));
    assert_eq!(door.get("/v1.50/stead/volumes/trash").json(), json!({ "Volumes": [] }));
    // Docker's own way to change a volume answers as Docker's.
    assert_eq!(door.ask("PUT", "/v1.50/volumes/store", "", b"").status, 503);
}

#[test]
fn everything_that_happens_is_told() {
    let Some(s) = own() else { return };
    s.ok("volume create data");
    s.ok("volume protect data");
    s.ok("volume protect data");
    s.ok("volume unprotect data");
    s.ok("volume update --label a=1 data");
    s.ok("volume rename data store");
    s.ok("volume rm store");
    s.ok("volume undelete store back");
    s.ok("volume rm back");
    s.ok("volume trash empty -f back");
    let told = s.ok("events --since 1h --until 0s -f type=volume --format '{{.Action}} {{.Actor.ID}}'");
    let expected = [
        "create data",
        "protect data",
        "unprotect data",
        "update data",
        "rename store",
        "destroy store",
        "trash store",
        "undelete back",
        "destroy back",
        "trash back",
        "purge back",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let renamed = s.ok("events --since 1h --until 0s -f event=rename --format '{{.Actor.Attributes.oldName}}'");
    assert_eq!(renamed, "data");
    if s.is_docker() {
        skip("the journal is ours");
    }
}
