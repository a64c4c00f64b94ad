//! Bind, tmpfs, volume and image mounts as a container sees them.
use crate::scene::{beyond_the_peer, busybox, footprint, mount_at, names};

#[test]
fn bind_read_only_and_a_file() {
    let s = busybox();
    let d = s.mkdir("d");
    std::fs::write(d.join("f"), "one").unwrap();
    for how in [format!("-v {}:/app:ro", d.display()), format!("--mount type=bind,src={},dst=/app,ro", d.display())] {
        s.x(&format!("run --rm {how} busybox sh -c 'cat /app/f; echo x >/app/f'")).exits(1).prints("one").says("Read-only file system");
    }
    s.ok(&format!("run --rm -v {}/f:/etc/motd busybox sh -c 'echo two >/etc/motd'", d.display()));
    assert_eq!(std::fs::read_to_string(d.join("f")).unwrap(), "two\n");
}

#[test]
fn directories_made_on_the_way_to_a_mount_are_everybodys_to_pass() {
    let s = busybox();
    let d = s.mkdir("d");
    std::fs::write(d.join("f"), "one").unwrap();
    let run = format!("run --rm -u 999 -v {}/f:/a/b/f -v deep:/c/d/e busybox sh -c 'cat /a/b/f; stat -c %a /a /a/b /c /c/d'", d.display());
    assert_eq!(s.ok(&run), "one755\n755\n755\n755");
}

#[test]
fn a_relative_source_is_the_clients() {
    let s = busybox();
    s.mkdir("here");
    s.ok("run --rm -v ./here:/app busybox touch /app/f");
    s.ok("run --rm --mount type=bind,src=./here,dst=/app busybox touch /app/g");
    assert_eq!(names(&s.dir().join("here")), ["f", "g"]);
}

#[test]
fn tmpfs_size_mode_and_options() {
    let s = busybox();
    let line = |how: &str, at: &str| s.ok(&format!("run --rm {how} busybox grep ' {at} ' /proc/mounts"));
    assert_eq!(
        line("--mount type=tmpfs,dst=/x,tmpfs-size=2m,tmpfs-mode=700,ro", "/x"),
        "tmpfs /x tmpfs ro,nosuid,nodev,noexec,relatime,size=2048k,mode=700 0 0"
    );
    assert_eq!(line("--tmpfs /x:size=1m,mode=1770,exec", "/x"), "tmpfs /x tmpfs rw,nosuid,nodev,relatime,size=1024k,mode=1770 0 0");
    assert_eq!(s.ok("run --rm --tmpfs /x busybox stat -c %a /x"), "1777");
    assert_eq!(s.ok("run --rm --tmpfs /root busybox stat -c %a /root"), "700");
    s.x("run --rm --tmpfs /x:size=64k busybox dd if=/dev/zero of=/x/f bs=1k count=100").exits(1).says("No space left on device");
    assert_eq!(s.ok("run --rm --tmpfs /home busybox ls -a /home"), ".\n..", "nothing of the image is copied into a tmpfs");
}

#[test]
fn tmpfs_noswap_is_ours() {
    let Some(s) = beyond_the_peer("tmpfs-noswap") else { return };
    let line = s.ok("run --rm --mount type=tmpfs,dst=/x,tmpfs-noswap busybox grep ' /x ' /proc/mounts");
    assert!(line.contains("noswap"), "{line}");
}

#[test]
fn volume_by_mount_and_by_v() {
    let s = busybox();
    s.ok("create --name aa --mount source=mr_myvol,target=/app busybox");
    s.ok("create --name bb -v mr_myvol:/data -v mr_rw:/rw:rw -v /anon busybox");
    let a = s.inspect("aa");
    let m = mount_at(&a, "/app");
    assert_eq!(m["Source"], s.data("mr_myvol").to_str().unwrap());
    let seen =
        (m["Type"].as_str(), m["Name"].as_str(), m["Driver"].as_str(), m["Mode"].as_str(), m["RW"].as_bool(), m["Propagation"].as_str());
    assert_eq!(seen, (Some("volume"), Some("mr_myvol"), Some("local"), Some("z"), Some(true), Some("")));
    assert_eq!(a["HostConfig"]["Mounts"], serde_json::json!([{"Type": "volume", "Source": "mr_myvol", "Target": "/app"}]));
    assert!(a["HostConfig"]["Binds"].is_null());
    let b = s.inspect("bb");
    assert_eq!(mount_at(&b, "/data")["Mode"], "z");
    assert_eq!(mount_at(&b, "/rw")["Mode"], "rw");
    let anon = mount_at(&b, "/anon");
    assert_eq!((anon["Mode"].as_str(), anon["Name"].as_str().unwrap().len()), (Some(""), 64));
    assert_eq!(b["Config"]["Volumes"], serde_json::json!({"/anon": {}}));
    let mut binds: Vec<&str> = b["HostConfig"]["Binds"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    binds.sort_unstable();
    assert_eq!(binds, ["mr_myvol:/data", "mr_rw:/rw:rw"]);
}

#[test]
fn subpath_inside_the_volume() {
    let Some(s) = beyond_the_peer("volume-subpath") else { return };
    s.ok("run --rm -v data:/d busybox sh -c 'mkdir -p /d/a/b; echo deep >/d/a/b/f; ln -s /etc /d/out'");
    assert_eq!(s.ok("run --rm --mount src=data,dst=/x,volume-subpath=a/b busybox cat /x/f"), "deep");
    let before = footprint(&s);
    for (sub, text) in
        [("../x", "subpath must be a relative path within the volume"), ("/a", "subpath must be a relative path within the volume")]
    {
        s.x(&format!("run --rm --mount src=data,dst=/x,volume-subpath={sub} busybox true")).exits(125).says(text);
    }
    s.x("run --rm --mount src=data,dst=/x,volume-subpath=none busybox true").fails().says("none");
    s.x("run --rm --mount src=data,dst=/x,volume-subpath=out busybox ls /x").fails();
    s.x("run --rm --mount dst=/x,volume-subpath=a busybox true").exits(125).says("must not set Subpath when using anonymous volumes");
    assert_eq!(before, footprint(&s));
}

#[test]
fn image_mount_is_read_only() {
    let Some(s) = beyond_the_peer("type=image") else { return };
    s.load("layers");
    assert_eq!(s.ok("run --rm --mount type=image,src=layers:latest,dst=/img busybox cat /img/keep/a"), "a2");
    s.x("run --rm --mount type=image,src=layers:latest,dst=/img busybox touch /img/x").fails().says("Read-only file system");
    assert_eq!(s.ok("run --rm --mount type=image,src=layers,dst=/img,image-subpath=keep busybox ls /img"), "a\nb");
    s.ok("create --name cc --mount type=image,src=layers:latest,dst=/img busybox");
    let m = mount_at(&s.inspect("cc"), "/img");
    assert_eq!((m["Type"].as_str(), m["Name"].as_str(), m["RW"].as_bool()), (Some("image"), Some("layers:latest"), Some(false)));
    s.x("run --rm --mount type=image,src=nosuch-image-anywhere:1,dst=/img --pull never busybox true")
        .exits(125)
        .says("nosuch-image-anywhere:1");
}

#[test]
fn recursive_read_only_and_its_exceptions() {
    let Some(s) = beyond_the_peer("recursive read-only") else { return };
    let d = s.mkdir("tree");
    std::fs::create_dir(d.join("sub")).unwrap();
    stead_testkit::Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(d.join("sub")).run().ok();
    let run = |opts: &str| s.x(&format!("run --rm --mount type=bind,src={},dst=/t,ro{opts} busybox touch /t/sub/f", d.display()));
    run("").fails().says("Read-only file system");
    run(",bind-recursive=readonly,bind-propagation=rprivate").fails().says("Read-only file system");
    run(",bind-recursive=writable").ok();
    assert_eq!(names(&d.join("sub")), ["f"]);
    assert_eq!(s.ok(&format!("run --rm --mount type=bind,src={},dst=/t,bind-recursive=disabled busybox ls /t/sub", d.display())), "");
    stead_testkit::unmount_below(&d);
}

#[test]
fn propagation() {
    let s = busybox();
    let d = s.mkdir("shared");
    for args in [vec!["--bind", d.to_str().unwrap(), d.to_str().unwrap()], vec!["--make-shared", d.to_str().unwrap()]] {
        stead_testkit::Command::new("mount").args(args).run().ok();
    }
    std::fs::create_dir(d.join("late")).unwrap();
    s.ok(&format!("run -d --name slave --mount type=bind,src={},dst=/t,bind-propagation=rslave busybox sleep 600", d.display()));
    s.ok(&format!("run -d --name private -v {}:/t busybox sleep 600", d.display()));
    stead_testkit::Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(d.join("late")).run().ok();
    std::fs::write(d.join("late/f"), "").unwrap();
    assert_eq!(s.ok("exec slave ls /t/late"), "f");
    assert_eq!(s.ok("exec private ls /t/late"), "");
    assert_eq!(mount_at(&s.inspect("slave"), "/t")["Propagation"], "rslave");
    s.ok("rm -f slave private");
    stead_testkit::unmount_below(&d);
    let plain = s.mkdir("plain");
    for args in [vec!["--bind", plain.to_str().unwrap(), plain.to_str().unwrap()], vec!["--make-private", plain.to_str().unwrap()]] {
        stead_testkit::Command::new("mount").args(args).run().ok();
    }
    let err = s.x(&format!("run --rm -v {}:/t:shared busybox true", plain.display())).fails().stderr;
    assert!(err.contains("but it is not a shared mount"), "{err}");
    stead_testkit::unmount_below(&plain);
}

#[test]
fn nested_mounts_in_depth_order() {
    let s = busybox();
    let d = s.mkdir("outer");
    std::fs::write(d.join("f"), "").unwrap();
    let out =
        s.ok(&format!("run --rm -v deep:/a/b/c --tmpfs /a/b -v {}:/a busybox sh -c 'touch /a/b/c/x; ls /a /a/b /a/b/c'", d.display()));
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["/a:", "b", "f", "/a/b:", "c", "/a/b/c:", "x"]);
    assert_eq!(names(&s.data("deep")), ["x"]);
}

#[test]
fn volumes_from() {
    let s = busybox();
    let d = s.mkdir("b");
    s.ok(&format!("create --name src -v named:/n -v /anon -v {}:/b:ro busybox", d.display()));
    s.ok("run -d --name user --volumes-from src busybox sleep 600");
    s.ok("exec user sh -c 'echo 1 >/n/f; echo 2 >/anon/g'");
    assert_eq!(s.ok("run --rm --volumes-from src:ro busybox cat /n/f /anon/g"), "1\n2");
    s.x("run --rm --volumes-from src:ro busybox touch /n/x").fails().says("Read-only file system");
    s.x("exec user touch /b/x").fails().says("Read-only file system");
    s.x("run --rm --volumes-from src:nocopy busybox true").exits(125).says("invalid mode: nocopy");
    s.x("run --rm --volumes-from '' busybox true").exits(125);
    s.x("run --rm --volumes-from nosuch busybox true").exits(125).says("No such container: nosuch");
    s.ok("rm -f user");
    s.ok("rm src");
    assert_eq!(names(&s.data("named")), ["f"]);
}

#[test]
fn precedence() {
    let s = busybox();
    let d = s.mkdir("b");
    std::fs::write(d.join("bind"), "").unwrap();
    s.ok("run --name src -v vol:/x busybox touch /x/vol");
    assert_eq!(s.ok(&format!("run --rm --volumes-from src -v {}:/x busybox ls /x", d.display())), "bind");
    assert_eq!(s.ok("run --rm --volumes-from src -v /x busybox ls /x"), "vol");
    assert_eq!(s.ok(&format!("run --rm --mount type=bind,src={},dst=/x --tmpfs /x busybox ls /x", d.display())), "");
    for (a, b) in [
        ("-v /tmp:/x", "-v /tmp:/x/"),
        ("-v /tmp:/x", "--tmpfs /x"),
        ("-v /tmp:/x", "--mount src=v2,dst=/x"),
        ("--mount src=v2,dst=/x", "--mount src=v3,dst=/x"),
    ] {
        s.x(&format!("run --rm {a} {b} busybox true")).exits(125).says("Duplicate mount point: /x");
    }
}

#[test]
fn a_mount_on_an_engine_file_replaces_it() {
    let s = busybox();
    let f = s.dir().join("hosts");
    std::fs::write(&f, "1.2.3.4 mine\n").unwrap();
    assert_eq!(s.ok(&format!("run --rm -v {}:/etc/hosts busybox cat /etc/hosts", f.display())), "1.2.3.4 mine");
    assert!(s.ok("run --rm --hostname box busybox cat /etc/hosts /etc/hostname").contains("box"));
}

#[test]
fn a_read_only_root_still_has_writable_mounts() {
    let s = busybox();
    s.x("run --rm --read-only busybox touch /x").fails().says("Read-only file system");
    s.ok("run --rm --read-only -v data:/d --tmpfs /t busybox sh -c 'touch /d/f /t/f /dev/shm/f'");
    s.x("run --rm --read-only busybox sh -c 'echo >>/etc/hosts'").fails().says("Read-only file system");
}
