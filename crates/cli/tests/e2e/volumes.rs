//! `volume create | ls | inspect | rm | prune` and the `local` driver's options.
use crate::scene::{beyond_the_peer, busybox, footprint, names};
use stead_testkit::{Disk, Fs, mounts_below};

#[test]
fn create_ls_inspect_rm() {
    let s = busybox();
    assert_eq!(s.ok("volume create --label env=dev --label empty my-vol"), "my-vol");
    let v = s.x("volume inspect my-vol").ok().json()[0].take();
    assert_eq!((v["Name"].as_str(), v["Driver"].as_str(), v["Scope"].as_str()), (Some("my-vol"), Some("local"), Some("local")));
    assert_eq!(v["Mountpoint"], s.data("my-vol").to_str().unwrap());
    assert_eq!((v["Labels"]["env"].as_str(), v["Labels"]["empty"].as_str()), (Some("dev"), Some("")));
    assert!(v["Options"].is_null() || v["Options"] == serde_json::json!({}));
    assert!(v["CreatedAt"].as_str().unwrap().starts_with("20"));
    assert_eq!(s.ok("volume inspect -f {{.Mountpoint}} my-vol"), s.data("my-vol").to_str().unwrap());
    assert_eq!(s.ok("volume ls"), "DRIVER    VOLUME NAME\nlocal     my-vol");
    s.ok("volume create another");
    s.ok("volume create v10");
    s.ok("volume create v9");
    assert_eq!(s.ok("volume ls -q"), "another\nmy-vol\nv9\nv10");
    assert_eq!(s.ok("volume ls -q -f label=env"), "my-vol");
    assert_eq!(s.ok("volume ls -q -f label=env=prod"), "");
    assert_eq!(s.ok("volume ls -q -f name=v1"), "v10");
    assert_eq!(s.ok("volume ls -q -f driver=local -f dangling=true"), "another\nmy-vol\nv9\nv10");
    assert_eq!(s.ok("volume ls --format '{{.Name}} {{.Driver}} {{.Label \"env\"}}' -f name=my-vol"), "my-vol local dev");
    assert_eq!(s.ok("volume rm another v9 v10"), "another\nv9\nv10");
    assert_eq!(names(&s.root().join("volumes")).iter().filter(|n| n.starts_with('v') || *n == "another").count(), 0);
    s.x("volume rm my-vol nope").exits(1).says("get nope: no such volume").prints("my-vol");
    let gone = s.x("volume inspect my-vol").exits(1).says("get my-vol: no such volume");
    assert_eq!(gone.text(), "[]");
    if !s.is_docker() {
        s.x("volume rm -f nope").ok();
    }
}

#[test]
fn an_anonymous_name_is_64_hex() {
    let s = busybox();
    let name = s.ok("volume create");
    assert!(name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
}

#[test]
fn bad_names_and_options_are_refused_and_leave_nothing() {
    let s = busybox();
    let before = footprint(&s);
    s.x("volume create x").exits(1).says("create x: volume name is too short, names should be at least two alphanumeric characters");
    for name in ["../up", "a/b", ".dot", "-dash", "sp ace", "ä"] {
        let out = s.cli().args(["volume", "create", "--name", name]).run().exits(1);
        out.says("includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed");
    }
    s.x("volume create -o foo=bar xx").exits(1).says("create xx: invalid option: \"foo\"");
    s.x("volume create -o type=nfs xx").exits(1).says("missing required option: \"device\"");
    s.x("volume create -o o=ro xx").exits(1).says("missing required option");
    s.x("volume create -d nosuch xx").exits(1).says("plugin \"nosuch\" not found");
    s.x("volume ls -f bogus=1").exits(1).says("nvalid filter 'bogus");
    assert_eq!(before, footprint(&s));
}

#[test]
fn create_is_idempotent_and_says_where_options_differ() {
    let s = busybox();
    s.ok("volume create --label a=1 data");
    std::fs::write(s.data("data").join("f"), "kept").unwrap();
    let again = s.x("volume create data").ok();
    assert_eq!(again.text(), "data");
    let other = s.x("volume create --label a=2 -o type=tmpfs -o device=tmpfs data").ok();
    assert_eq!(other.text(), "data");
    if !s.is_docker() {
        assert_eq!(again.stderr, "");
        assert!(other.stderr.contains("data") && other.stderr.contains("label") && other.stderr.contains("type"), "{}", other.stderr);
    }
    assert_eq!(s.ok("volume inspect -f '{{index .Labels \"a\"}}' data"), "1");
    assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept");
}

#[test]
fn rm_is_refused_while_any_container_refers_to_it() {
    let s = busybox();
    let id = s.ok("create --name cc -v data:/d busybox true");
    for verb in ["volume rm data", "volume rm -f data"] {
        s.x(verb).exits(1).says(&format!("remove data: volume is in use - [{id}]"));
    }
    assert_eq!(s.ok("volume ls -q -f dangling=false"), "data");
    s.ok("rm cc");
    assert_eq!(s.ok("volume rm data"), "data");
}

#[test]
fn prune_takes_anonymous_ones_and_all_only_when_told() {
    let Some(s) = beyond_the_peer("prune of anonymous volumes only") else { return };
    s.ok("volume create named");
    s.ok("volume create --label keep=1 labelled");
    s.ok("create --name cc -v used:/u -v /anon busybox true");
    let loose = s.ok("volume create");
    std::fs::write(s.data(&loose).join("f"), [0u8; 5000]).unwrap();
    let asked = s.x("volume prune").exits(1);
    assert!(asked.text().contains("WARNING! This will remove anonymous local volumes not used by at least one container."), "{asked}");
    assert!(asked.text().contains(&loose), "the prompt lists what would go\n{asked}");
    assert!(s.data(&loose).exists(), "no answer is no");
    let yes = s.cli().args(["volume", "prune"]).stdin("y\n").run().ok();
    assert!(
        yes.text().contains("Deleted Volumes:") && yes.text().contains(&loose) && yes.text().contains("Total reclaimed space: 5"),
        "{yes}"
    );
    assert!(!s.data(&loose).exists());
    assert_eq!(s.ok("volume prune -f"), "Total reclaimed space: 0B");
    s.x("volume prune -a -f --filter all=1").fails().says("conflicting options: cannot specify both --all and --filter all=1");
    let all = s.ok("volume prune -a -f --filter label!=keep");
    assert!(all.contains("named") && !all.contains("labelled") && !all.contains("used"), "{all}");
    let left: Vec<String> = s.x("volume ls -q").ok().lines().into_iter().filter(|n| n.len() < 64).collect();
    assert_eq!(left, ["labelled", "used"]);
    assert_eq!(s.inspect("cc")["Mounts"].as_array().unwrap().len(), 2);
}

#[test]
fn local_driver_tmpfs() {
    let s = busybox();
    s.ok("volume create --driver local --opt type=tmpfs --opt device=tmpfs --opt o=size=4m,uid=1000 tv");
    let v = s.x("volume inspect tv").ok().json()[0].take();
    assert_eq!(v["Options"], serde_json::json!({"device": "tmpfs", "o": "size=4m,uid=1000", "type": "tmpfs"}));
    assert!(mounts_below(&s.data("tv")).is_empty(), "mounted lazily");
    s.ok("run -d --name aa -v tv:/t busybox sleep 600");
    s.ok("run -d --name bb -v tv:/t busybox sleep 600");
    let line = s.ok("exec aa grep ' /t ' /proc/mounts");
    assert!(line.contains("tmpfs") && line.contains("size=4096k") && line.contains("uid=1000"), "{line}");
    s.ok("exec aa touch /t/f");
    assert_eq!(s.ok("exec bb ls /t"), "f");
    s.ok("rm -f aa");
    assert_eq!(s.ok("exec bb ls /t"), "f", "the last user keeps it mounted");
    s.ok("rm -f bb");
    s.eventually("unmounted after the last user", || mounts_below(&s.data("tv")).is_empty());
    assert_eq!(s.ok("run --rm -v tv:/t busybox ls /t"), "");
    s.ok("volume rm tv");
}

#[test]
fn local_driver_named_bind() {
    let s = busybox();
    let host = s.mkdir("host");
    std::fs::write(host.join("f"), "from the host").unwrap();
    s.ok(&format!("volume create -o type=none -o o=bind -o device={} nb", host.display()));
    assert_eq!(s.ok("run --rm -v nb:/t busybox cat /t/f"), "from the host");
    s.ok("run --rm -v nb:/t busybox touch /t/g");
    assert_eq!(names(&host), ["f", "g"]);
    s.ok("volume rm nb");
    assert_eq!(names(&host), ["f", "g"], "removing the volume leaves the host's directory");
    s.ok(&format!("volume create -o type=none -o o=bind -o device={}/none bad", s.dir().display()));
    let err = s.x("run --rm -v bad:/t busybox true").fails().stderr;
    assert!(
        err.contains("error while mounting volume")
            && err.contains("failed to mount local volume")
            && err.contains("no such file or directory"),
        "{err}"
    );
}

#[test]
fn local_driver_block_device_with_lost_and_found() {
    let Some(s) = beyond_the_peer("copy-up beside lost+found") else { return };
    let (_disk, device) = Disk::device(Fs::Ext4, 24);
    s.ok(&format!("volume create -o type=ext4 -o device={} -o o=noatime blk", device.path().display()));
    let listed = s.ok("run --rm -v blk:/etc busybox ls /etc");
    assert!(listed.contains("passwd") && listed.contains("lost+found"), "{listed}");
    s.ok("run --rm -v blk:/x busybox touch /x/mine");
    assert!(s.ok("run --rm -v blk:/x busybox ls /x").contains("mine"));
    s.ok("volume rm blk");
    assert!(device.path().exists());
}

#[test]
fn mount_errors_mask_passwords() {
    let s = busybox();
    s.ok("volume create -o type=cifs -o device=//127.0.0.1/share -o o=username=u,password=hunter2,addr=127.0.0.1 cv");
    let err = s.x("run --rm -v cv:/t busybox true").fails().stderr;
    assert!(err.contains("error while mounting volume"), "{err}");
    // 20.10 still prints it.
    assert!(s.is_docker() || (!err.contains("hunter2") && err.contains("password=********")), "{err}");
    assert_eq!(s.ok("ps -aq"), if s.is_docker() { s.ok("ps -aq") } else { String::new() });
}
