//! `U`, `O`, the kernel's flags, and a tmpfs with an owner and a beginning.
use crate::scene::{STEAD, beyond_the_peer, names};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use stead_testkit::{Command, Disk, Fs, Sandbox, unmount_below};

fn own(path: &Path) -> (u32, u32) {
    let meta = std::fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (meta.uid(), meta.gid())
}

#[test]
fn u_gives_the_tree_and_nothing_else() {
    if beyond_the_peer("U").is_none() {
        return;
    }
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let disk = Disk::new(fs, 512);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        let src = disk.path().join("src");
        std::fs::create_dir_all(src.join("a/b")).unwrap();
        let outside = disk.path().join("outside");
        std::fs::write(&outside, "x").unwrap();
        symlink(&outside, src.join("link")).unwrap();
        symlink("/etc", src.join("a/etc")).unwrap();
        std::fs::write(src.join("a/program"), "x").unwrap();
        std::fs::set_permissions(src.join("a/program"), std::fs::Permissions::from_mode(0o6755)).unwrap();
        let sub = src.join("sub");
        std::fs::create_dir(&sub).unwrap();
        Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&sub).run().ok();
        std::fs::write(sub.join("f"), "x").unwrap();
        s.ok(&format!("run --rm --network none -u 999:998 -v {}:/d:U busybox sh -c 'touch /d/a/b/new'", src.display()));
        for path in ["", "a", "a/b", "a/program", "link", "a/etc", "a/b/new"] {
            assert_eq!(own(&src.join(path)), (999, 998), "{} {path}", fs.name());
        }
        for path in [outside.as_path(), Path::new("/etc"), &sub, &sub.join("f")] {
            assert_eq!(own(path), (0, 0), "{} {}", fs.name(), path.display());
        }
        let mode = std::fs::metadata(src.join("a/program")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "set-uid of root must not become set-uid of 999");
        // A volume, and once more for another user; read-only for the container makes no difference.
        s.ok("run --rm -v vol:/d busybox touch /d/f");
        s.ok("run --rm --network none -u 5:6 --mount src=vol,dst=/d,ro,U busybox stat /d/f");
        assert_eq!((own(&s.data("vol")), own(&s.data("vol").join("f"))), ((5, 6), (5, 6)));
        unmount_below(&src);
    }
}

#[test]
fn o_keeps_the_source_and_throws_the_rest_away() {
    if beyond_the_peer("O").is_none() {
        return;
    }
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let disk = Disk::new(fs, 512);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        let src = disk.path().join("src");
        std::fs::create_dir(&src).unwrap();
        for name in ["a", "b"] {
            std::fs::write(src.join(name), name).unwrap();
            chown(src.join(name), Some(1000), Some(1001)).unwrap();
        }
        chown(&src, Some(1000), Some(1001)).unwrap();
        std::fs::set_permissions(&src, std::fs::Permissions::from_mode(0o700)).unwrap();
        let change = "cat /d/*; stat -c %u:%g /d; rm /d/a; echo more >>/d/b; touch /d/new";
        for how in [format!("-v {}:/d:O,idmap", src.display()), format!("--mount type=bind,src={},dst=/d,overlay,idmap", src.display())] {
            s.cli()
                .args(["create", "--name", "box", "--network", "none", "-u", "999:998"])
                .args(how.split(' '))
                .args(["busybox", "sh", "-c", change])
                .run()
                .ok();
            for life in 0..3 {
                assert_eq!(s.ok("start -a box"), "ab999:998", "{} {how}, life {life}", fs.name());
            }
            assert_eq!(names(&src), ["a", "b"]);
            assert_eq!(std::fs::read_to_string(src.join("b")).unwrap(), "b");
            // A look into the stopped one sees the source, and promises nothing.
            s.ok("cp box:/d/a out");
            s.x("cp out box:/d/in").fails();
            assert_eq!(names(&src), ["a", "b"]);
            s.ok("rm box");
        }
        // A life that the monitor begins again begins anew as well.
        let again = "ls /d; rm -f /d/a; exit 1";
        let line = format!("{}:/d:O", src.display());
        s.cli()
            .args([
                "run",
                "-d",
                "--name",
                "again",
                "--network",
                "none",
                "--restart",
                "on-failure:2",
                "-v",
                &line,
                "busybox",
                "sh",
                "-c",
                again,
            ])
            .run()
            .ok();
        s.eventually("three lives", || s.inspect("again")["State"]["Status"] == "exited");
        assert_eq!(s.x("logs again").text(), "a\nb\na\nb\na\nb");
        s.ok("rm again");
        // Over a volume.
        s.ok("run --rm -v vol:/d busybox sh -c 'echo kept >/d/f'");
        s.ok("run --rm -v vol:/d:O busybox sh -c 'echo gone >/d/f; touch /d/g'");
        assert_eq!(
            (names(&s.data("vol")), std::fs::read_to_string(s.data("vol").join("f")).unwrap()),
            (vec!["f".to_owned()], "kept\n".to_owned())
        );
    }
}

#[test]
fn o_with_a_volume_or_directories_keeps_what_is_written() {
    if beyond_the_peer("O").is_none() {
        return;
    }
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let disk = Disk::new(fs, 512);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        let src = disk.path().join("src");
        std::fs::create_dir(&src).unwrap();
        std::fs::write(src.join("a"), "a").unwrap();
        chown(&src, Some(1000), Some(1001)).unwrap();
        let kept = format!("--mount type=bind,src={},dst=/d,idmap,overlay=changes", src.display());
        assert_eq!(s.ok(&format!("run --rm --network none -u 999:998 {kept} busybox sh -c 'echo one >/d/new; rm /d/a; ls /d'")), "new");
        assert_eq!(s.ok(&format!("run --rm --network none -u 999:998 {kept} busybox sh -c 'cat /d/new; ls /d'")), "one\nnew");
        assert_eq!(names(&src), ["a"]);
        assert_eq!(names(&s.data("changes")), ["upper", "work"]);
        // The layer is held like any volume, and by one container at a time.
        s.ok(&format!("run -d --name holder --network none {kept} busybox sleep 900"));
        s.x("volume rm changes").fails().says("volume is in use");
        s.x(&format!("run --rm --network none {kept} busybox true")).exits(125).says("in use");
        s.ok("rm -f holder");
        s.x("create --mount src=changes,dst=/d,overlay=changes busybox").fails().says("over itself");
        // Somebody who has the volume cannot lead its layer elsewhere.
        s.ok("run --rm --network none -v changes:/c busybox sh -c 'rm -rf /c/upper; ln -s /etc /c/upper'");
        s.x(&format!("run --rm --network none {kept} busybox true")).exits(125);
        // podman's: directories of the user's own.
        let (upper, work) = (disk.path().join("u"), disk.path().join("w"));
        let line = format!("-v {}:/d:O,upperdir={},workdir={}", src.display(), upper.display(), work.display());
        s.x(&format!("run --rm --network none {line} busybox true")).exits(125).says("No such file or directory");
        std::fs::create_dir(&upper).unwrap();
        std::fs::create_dir(&work).unwrap();
        s.ok(&format!("run --rm --network none {line} busybox touch /d/own"));
        assert_eq!((names(&upper), names(&src)), (vec!["own".to_owned()], vec!["a".to_owned()]));
        assert_eq!(s.ok(&format!("run --rm --network none {line} busybox ls /d")), "a\nown");
        s.x(&format!("run --rm --network none -v {}:/d:O busybox true", src.join("a").display())).exits(125).says("needs a directory");
    }
}

#[test]
fn flags_of_binds_and_volumes() {
    let Some(s) = beyond_the_peer("noexec on binds") else { return };
    let src = s.mkdir("src");
    let sub = s.mkdir("src/sub");
    Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&sub).run().ok();
    for how in [
        format!("-v {}:/d:noexec,nosuid,nodev", src.display()),
        "-v vol:/d:nosuid,nodev,noexec".to_owned(),
        format!("--mount type=bind,src={},dst=/d,noexec,nosuid,nodev", src.display()),
        "--mount src=vol,dst=/d,noexec,nosuid=true,dev=false".to_owned(),
    ] {
        let line = s.ok(&format!("run --rm --network none {how} busybox grep ' /d ' /proc/mounts"));
        for flag in ["nosuid", "nodev", "noexec"] {
            assert!(line.contains(flag), "{how}: {line}");
        }
        s.x(&format!("run --rm --network none {how} busybox sh -c 'cp /bin/busybox /d/true; /d/true'"))
            .exits(126)
            .says("Permission denied");
    }
    // What is mounted below the source has them too.
    s.x(&format!("run --rm --network none -v {}:/d:noexec busybox sh -c 'cp /bin/busybox /d/sub/true; /d/sub/true'", src.display()))
        .exits(126);
    s.ok("run --rm --network none -v vol:/d:exec,suid,dev busybox /d/true");
    s.ok("run --rm --network none -v vol:/d busybox /d/true");
    s.x("run --rm --network none -v vol:/d:noexec,exec busybox true").exits(125).says("invalid mode: noexec,exec");
    unmount_below(&src);
}

#[test]
fn a_tmpfs_has_an_owner_and_a_beginning() {
    let Some(s) = beyond_the_peer("tmpfs-uid") else { return };
    let run = |how: &str, sh: &str| {
        s.cli().args(["run", "--rm", "--network", "none"]).args(how.split(' ')).args(["busybox", "sh", "-c", sh]).run()
    };
    for how in ["--mount type=tmpfs,dst=/x,tmpfs-uid=5,tmpfs-gid=6,tmpfs-mode=750", "--tmpfs /x:uid=5,gid=6,mode=750"] {
        run(how, "stat -c '%u:%g %a' /x").ok().prints("5:6 750");
    }
    let of_image = s.ok("run --rm --network none busybox sh -c 'cd /etc; find . -type f ! -name hosts ! -name hostname ! -name resolv.conf | sort | xargs cat | md5sum'");
    for how in ["--mount type=tmpfs,dst=/etc,tmpfs-copyup", "--mount type=tmpfs,dst=/etc,tmpcopyup=true", "--tmpfs /etc:tmpcopyup"] {
        let copied = run(
            how,
            "cd /etc; stat -f -c %T /etc; find . -type f ! -name hosts ! -name hostname ! -name resolv.conf | sort | xargs cat | md5sum",
        )
        .ok()
        .text();
        assert_eq!(copied.trim(), format!("tmpfs\n{of_image}"), "{how}");
    }
    // Asked for attributes win over those of the image; without a copy nothing is in it.
    run("--mount type=tmpfs,dst=/etc,tmpfs-copyup,tmpfs-uid=7,tmpfs-mode=711", "stat -c '%u:%g %a' /etc").ok().prints("7:0 711");
    run("--tmpfs /etc:notmpcopyup", "ls /etc | grep -c passwd").exits(1).prints("0");
    run("--tmpfs /none:tmpcopyup", "ls -a /none").ok().prints("..");
    // Too small for what the image has: said, not half done. The memory is the container's.
    s.x("run --rm --network none --tmpfs /bin:tmpcopyup,size=64k busybox true").exits(125).says("No space left on device");
    s.ok("create --name box --mount type=tmpfs,dst=/x,tmpfs-uid=5,tmpfs-copyup busybox");
    let options = &s.inspect("box")["HostConfig"]["Mounts"][0]["TmpfsOptions"];
    assert_eq!((&options["UID"], &options["CopyUp"]), (&serde_json::json!(5), &serde_json::json!(true)));
    s.x("run --rm --tmpfs /x:tmpcopydown busybox true").exits(125).says("tmpcopydown");
}
