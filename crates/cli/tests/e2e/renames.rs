//! `volume rename` and `volume update`: those who use a volume by its name go on using it, and inspect and a start say the same.
use crate::scene::{STEAD, beyond_the_peer};
use serde_json::Value;
use stead_testkit::{Disk, Fs, Sandbox};

fn on_each(what: impl Fn(&Sandbox)) {
    if beyond_the_peer("volume rename").is_none() {
        return;
    }
    for (fs, mib) in [(Fs::Ext4, 100), (Fs::Xfs, 320), (Fs::Btrfs, 200)] {
        let disk = Disk::new(fs, mib);
        what(&Sandbox::on(STEAD, disk.path()).with(&["busybox"]));
    }
}

/// Everything that inspect says of a container's mounts.
fn told(s: &Sandbox, container: &str) -> String {
    let all = s.inspect(container);
    serde_json::to_string(&[&all["Mounts"], &all["HostConfig"]["Binds"], &all["HostConfig"]["Mounts"]]).unwrap()
}

#[test]
fn stopped_containers_start_with_the_volume_under_its_new_name() {
    on_each(|s| {
        let read = "sh -c 'cat /d/f; echo more >>/d/g; wc -l </d/g'";
        s.ok("run --rm --network none -v data:/d busybox sh -c 'echo kept >/d/f'");
        s.ok(&format!("create --name short --network none -v data:/d:rw busybox {read}"));
        s.ok(&format!("create --name long --network none --mount type=volume,src=data,dst=/d busybox {read}"));
        s.ok(&format!("create --name heir --network none --volumes-from short busybox {read}"));
        s.ok("create --name stranger --network none -v data2:/d busybox true");
        s.ok("volume snapshot create data monday");
        s.ok("create --name past --network none --mount type=volume,src=data@monday,dst=/d,readonly busybox cat /d/f");
        let beneath = s.mkdir("beneath");
        let layer =
            format!("create --name layer --network none --mount type=bind,src={},dst=/b,overlay=data busybox ls /b", beneath.display());
        s.ok(&layer);
        let inode = std::os::unix::fs::MetadataExt::ino(&s.data("data").metadata().unwrap());
        assert_eq!(s.ok("volume rename data store"), "store");
        assert_eq!(std::os::unix::fs::MetadataExt::ino(&s.data("store").metadata().unwrap()), inode, "nothing is copied");
        assert_eq!(s.ok("volume ls -q"), "data2\nstore");
        for (n, container) in ["short", "long", "heir"].iter().enumerate() {
            let said = told(s, container);
            assert!(said.contains("store") && !said.contains("\"data") && !said.contains("/data/"), "{container}: {said}");
            assert_eq!(s.ok(&format!("start -a {container}")), format!("kept\n{}", n + 1), "{container}");
        }
        assert_eq!(s.inspect("short")["HostConfig"]["Binds"], serde_json::json!(["store:/d:rw"]));
        assert_eq!(s.inspect("long")["HostConfig"]["Mounts"][0]["Source"], "store");
        assert_eq!(s.ok("start -a past"), "kept");
        assert!(told(s, "past").contains("store@monday"), "{}", told(s, "past"));
        s.x("start -a layer").ok();
        assert!(told(s, "stranger").contains("data2"));
        // The users are the volume's, not the name's.
        s.x("volume rm store").exits(1).says("volume is in use");
        assert_eq!(s.ok("volume create data"), "data");
        s.ok("volume rm data");
        s.x("volume rename store data2").exits(1).says("rename store: a volume named data2 exists already");
        s.x("volume rename nope other").exits(1).says("get nope: no such volume");
        s.x("volume rename store store").exits(1).says("that is its name already");
        s.x("volume rename store ../up").exits(1).says("includes invalid characters");
        assert_eq!(s.ok("system check"), "Nothing is wrong.");
    });
}

#[test]
fn while_a_container_runs_it_is_refused_and_says_which() {
    let Some(s) = beyond_the_peer("volume rename") else { return };
    let id = s.ok("run -d --name runs --network none -v data:/d busybox sleep 1000");
    s.ok("create --name still --network none -v data:/d busybox true");
    let refused = || {
        s.x("volume rename data store")
            .exits(1)
            .says(&format!("rename data: volume is in use - [{id}]"))
            .says("stop these containers first");
        assert_eq!(s.ok("volume ls -q"), "data");
    };
    refused();
    s.ok("pause runs");
    refused();
    s.ok("unpause runs");
    s.ok("kill runs");
    s.ok("wait runs");
    s.ok("volume rename data store");
    s.ok("start runs");
    assert!(s.ok("exec runs cat /proc/mounts").contains(" /d "));
    s.ok("rm -f runs still");
    s.ok("volume rm store");
}

/// A name is what makes the difference between what `rm -v` takes and what it leaves.
#[test]
fn an_anonymous_volume_that_is_given_a_name_stays() {
    let Some(s) = beyond_the_peer("volume rename") else { return };
    s.ok("run --name one --network none -v /anon busybox sh -c 'echo kept >/anon/f'");
    let name: String = s.inspect("one")["Mounts"][0]["Name"].as_str().unwrap().to_owned();
    s.ok(&format!("volume rename {name} found"));
    assert_eq!(s.ok("volume inspect -f '{{.Labels}}' found"), "map[]");
    assert_eq!(s.ok("start -a one"), "");
    s.ok("rm -v one");
    s.ok("volume prune -f");
    assert_eq!(std::fs::read_to_string(s.data("found").join("f")).unwrap(), "kept\n");
}

#[test]
fn labels_of_a_volume_that_is_there() {
    let Some(s) = beyond_the_peer("volume update") else { return };
    s.ok("run -d --name runs --network none -v data:/d busybox sleep 1000");
    assert_eq!(s.ok("volume update --label tier=gold --label empty data"), "data");
    assert_eq!(s.ok("volume ls -q -f label=tier=gold"), "data");
    s.ok("volume update --label tier=silver --label-rm empty --label-rm nope data");
    let labels: Value = s.x("volume inspect data").ok().json()[0]["Labels"].take();
    assert_eq!(labels, serde_json::json!({ "tier": "silver" }));
    assert_eq!(s.ok("volume ls -q -f label=empty"), "");
    s.x("volume update --label a=1 nope").exits(1).says("get nope: no such volume");
    s.x("volume update --label com.docker.volume.anonymous data").exits(1).says("nobody named the volume");
    for line in ["volume update data", "volume update --availability drain data", "volume update --availability drain --label a=1 data"] {
        s.x(line).exits(1).says("volume update only valid for cluster volumes, but swarm is unavailable");
    }
    assert_eq!(s.ok("volume inspect -f '{{.Labels}}' data"), "map[tier:silver]");
}
