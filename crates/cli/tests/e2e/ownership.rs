//! Ownership without chown: the container's user and the owner of a source see each other's files as their own, and the disk stays as it is.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer, mount_at, with};
use serde_json::json;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use stead_testkit::{Command, Disk, Fs, Sandbox, unmount_below};

/// Owner and group, of a link itself.
fn own(path: &Path) -> (u32, u32) {
    let meta = std::fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (meta.uid(), meta.gid())
}

fn file(path: &Path, text: &str, owner: (u32, u32)) {
    std::fs::write(path, text).unwrap();
    chown(path, Some(owner.0), Some(owner.1)).unwrap();
}

/// A directory of 1000:1001 that nobody else may look into, with files of four owners.
fn home(dir: &Path) -> PathBuf {
    std::fs::create_dir_all(dir).unwrap();
    for (name, owner) in [("theirs", (1000, 1001)), ("roots", (0, 0)), ("other", (7, 8)), ("mine", (999, 998))] {
        file(&dir.join(name), name, owner);
    }
    chown(dir, Some(1000), Some(1001)).unwrap();
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).unwrap();
    dir.to_owned()
}

/// A place on each kind of file system: three disks and memory.
fn everywhere(s: &Sandbox, mut test: impl FnMut(&str, &Path)) {
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let disk = Disk::new(fs, 512);
        test(fs.name(), disk.path());
    }
    let memory = s.mkdir("memory");
    Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&memory).run().ok();
    test("tmpfs", &memory);
    unmount_below(&memory);
}

const LOOK: &str = "cd /d && stat -c '%n %u:%g' . theirs roots other mine";

#[test]
fn user_and_owner_change_places_on_every_file_system() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    everywhere(&s, |fs, place| {
        let src = home(&place.join("src"));
        let before = std::fs::metadata(src.join("theirs")).unwrap();
        for how in [
            format!("-v {}:/d:idmap", src.display()),
            format!("--mount type=bind,src={},dst=/d,idmap=auto", src.display()),
            format!("--mount type=bind,src={},dst=/d,bind-idmap=match-user:999:998", src.display()),
        ] {
            let seen = s.ok(&format!("run --rm --network none -u 999:998 {how} busybox sh -c \"{LOOK}; touch new; rm new; echo x >made\""));
            assert_eq!(seen, ". 999:998\ntheirs 999:998\nroots 0:0\nother 7:8\nmine 1000:1001", "{fs} {how}");
            assert_eq!(own(&src.join("made")), (1000, 1001), "{fs}");
            std::fs::remove_file(src.join("made")).unwrap();
        }
        let after = std::fs::metadata(src.join("theirs")).unwrap();
        assert_eq!((after.ctime(), after.ctime_nsec(), after.uid()), (before.ctime(), before.ctime_nsec(), 1000), "{fs}: the disk changed");
        assert_eq!(own(&src.join("mine")), (999, 998));
        // Root of the container is the other one of a pair, if it is the user.
        let root = s.ok(&format!(
            "run --rm --network none -v {}:/d:idmap busybox sh -c \"{LOOK}; touch made; grep ' /d ' /proc/mounts\"",
            src.display()
        ));
        assert!(root.starts_with(". 0:0\ntheirs 0:0\nroots 1000:1001\nother 7:8\nmine 999:998\n"), "{fs}: {root}");
        assert!(root.contains("nosuid"), "a set-uid program of 1000 must not be root's here: {root}");
        assert_eq!(own(&src.join("made")), (1000, 1001));
    });
}

#[test]
fn a_volume_on_every_file_system_with_subpath_and_read_only() {
    if beyond_the_peer("idmap").is_none() {
        return;
    }
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let disk = Disk::new(fs, 512);
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        s.ok("volume create vol");
        home(&s.data("vol"));
        home(&s.data("vol").join("a"));
        let run = |user: &str, how: &str, sh: &str| s.x(&format!("run --rm --network none -u {user} {how} busybox sh -c '{sh}'"));
        // Two users, one volume, each at home.
        run("999:998", "-v vol:/d:idmap", "echo one >/d/log").ok();
        run("5:6", "--mount src=vol,dst=/d,idmap", "echo two >>/d/log && stat -c %u:%g /d/log").ok().prints("5:6");
        assert_eq!(std::fs::read_to_string(s.data("vol").join("log")).unwrap(), "one\ntwo\n", "{}", fs.name());
        assert_eq!(own(&s.data("vol").join("log")), (1000, 1001));
        run("999:998", "--mount src=vol,dst=/d,idmap,volume-subpath=a", "stat -c %u:%g /d && touch /d/new").ok().prints("999:998");
        assert_eq!(own(&s.data("vol").join("a/new")), (1000, 1001));
        run("999:998", "-v vol:/d:ro,idmap", "touch /d/x").fails().says("Read-only file system");
        run("999:998", "-v vol:/d", "ls /d").fails().says("Permission denied");
        // The user of a container without a line in passwd has group 0.
        run("12345", "-v vol:/d:idmap,nocopy", "stat -c %u:%g /d && touch /d/by-number").ok().prints("12345:0");
        assert_eq!(own(&s.data("vol").join("by-number")), (1000, 1001));
    }
}

#[test]
fn a_database_runs_on_a_directory_of_somebody_else() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    s.load("postgres");
    everywhere(&s, |fs, place| {
        let src = place.join("pg");
        std::fs::create_dir(&src).unwrap();
        chown(&src, Some(1000), Some(1000)).unwrap();
        std::fs::set_permissions(&src, std::fs::Permissions::from_mode(0o700)).unwrap();
        let at = format!("{}:/var/lib/postgresql/data", src.display());
        s.ok(&format!("run -d --name pg --network none --user postgres -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_PASSWORD=x -v {at}:idmap postgres"));
        let sql = |text: &str| s.cli().args(["exec", "pg", "psql", "-h", "/var/run/postgresql", "-U", "postgres", "-Atc", text]).run();
        let ready = || {
            s.eventually("postgres answers over a socket of its final life", || {
                s.x("logs pg").text().contains("init process complete") && sql("select 1").code == 0
            });
        };
        ready();
        sql("create table t as select generate_series(1,1000) n").ok();
        s.ok("restart -t 30 pg");
        s.eventually("postgres is back", || sql("select 1").code == 0);
        sql("select count(*) from t").ok().prints("1000");
        s.ok("exec -u root pg sh -c 'touch /var/lib/postgresql/data/by-root'");
        s.ok("stop -t 30 pg");
        let mut count = 0;
        for path in below(&src) {
            let wanted = if path.ends_with("by-root") { (0, 0) } else { (1000, 1000) };
            assert_eq!(own(&path), wanted, "{fs}: {}", path.display());
            count += 1;
        }
        assert!(count > 500, "{fs}: {count}");
        s.ok("rm -v pg");
    });
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    all
}

#[test]
fn exec_cp_restart_and_inheritance_see_the_same_owners() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    let src = home(&s.mkdir("src"));
    s.ok(&format!("run -d --name box --network none -u 999:998 -v {}:/d:idmap busybox sleep 900", src.display()));
    assert_eq!(s.ok("exec box stat -c %u:%g /d/theirs"), "999:998");
    s.ok("exec -u 0 box touch /d/by-root");
    assert_eq!(own(&src.join("by-root")), (0, 0));
    std::fs::write(s.dir().join("in"), "in").unwrap();
    for state in ["running", "stopped"] {
        s.ok(&format!("cp in box:/d/{state}"));
        assert_eq!(own(&src.join(state)), (0, 0), "{state}");
        // Docker's archive mode gives files to the container's user: on the disk that is the owner.
        s.ok(&format!("cp -a in box:/d/users-{state}"));
        assert_eq!(own(&src.join(format!("users-{state}"))), (1000, 1001), "{state}");
        let tar = s.cli().args(["cp", "box:/d/theirs", "-"]).run().ok();
        let listed = Command::new("tar").args(["-tv", "--numeric-owner"]).stdin(tar.stdout).run().ok().text();
        assert!(listed.contains("999/998"), "{state}: {listed}");
        if state == "running" {
            s.ok("stop -t 0 box");
        }
    }
    s.ok("start box");
    assert_eq!(s.ok("exec box stat -c %u:%g /d"), "999:998");
    // Inherited: by the user of the container that inherits.
    assert_eq!(s.ok("run --rm --network none -u 5:6 --volumes-from box busybox stat -c %u:%g /d/theirs"), "5:6");
    s.ok("rm -f box");
}

#[test]
fn what_the_image_has_keeps_its_numbers() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    s.load("redis");
    let seen =
        s.ok("run --rm --network none -u redis -v data:/data:idmap --entrypoint sh redis -c 'touch /data/f; stat -c %u:%g /data /data/f'");
    let (dir, file) = seen.split_once('\n').unwrap();
    assert_eq!(file, "999:1000");
    // The image's directory belongs to redis: the volume too, and nothing has to be mapped.
    assert_eq!(dir, "999:1000");
    assert_eq!(own(&s.data("data").join("f")), (999, 1000));
    // Where the image has root's directory, the user is at home nevertheless.
    assert_eq!(
        s.ok("run --rm --network none -u redis -v new:/fresh:idmap --entrypoint sh redis -c 'touch /fresh/f; stat -c %u:%g /fresh/f'"),
        "999:1000"
    );
    assert_eq!(own(&s.data("new").join("f")), (0, 0));
}

#[test]
fn mounts_below_the_source_come_along_or_say_why_not() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    let src = home(&s.mkdir("src"));
    let sub = s.mkdir("src/sub");
    Command::new("mount").args(["-t", "tmpfs", "-o", "uid=1000,gid=1001", "tmpfs"]).arg(&sub).run().ok();
    let run = |how: &str| s.x(&format!("run --rm --network none -u 999:998 {how} busybox sh -c 'stat -c %u:%g /d/sub; touch /d/sub/f'"));
    run(&format!("-v {}:/d:idmap", src.display())).ok().prints("999:998");
    assert_eq!(own(&sub.join("f")), (1000, 1001));
    unmount_below(&src);
    Command::new("mount").args(["-t", "proc", "proc"]).arg(&sub).run().ok();
    let bind = format!("--mount type=bind,src={},dst=/d,idmap", src.display());
    run(&bind).fails().says("cannot be mounted with an id map").says("bind-recursive=disabled").says("U gives the files");
    run(&format!("{bind},bind-recursive=disabled")).fails().prints("0:0");
    unmount_below(&src);
    // A file system that has none, and a mount that is mapped already.
    let proc = s.mkdir("proc");
    Command::new("mount").args(["-t", "proc", "proc"]).arg(&proc).run().ok();
    s.x(&format!("run --rm --network none --mount type=bind,src={},dst=/d,\"idmap=uids=0:1:1\" busybox true", proc.display()))
        .exits(125)
        .says("cannot be mounted with an id map");
    unmount_below(&proc);
    // By another runtime: the mount is ours nevertheless.
    if Path::new("/usr/bin/crun").exists() {
        run(&format!("--runtime crun -v {}:/d:idmap", src.display())).fails().prints("0:0");
        s.x(&format!("run --rm --network none --runtime crun -u 999:998 -v {}:/d:idmap busybox stat -c %u:%g /d", src.display()))
            .ok()
            .prints("999:998");
    }
    // One file alone.
    let line = format!("-v {}:/d/sub:idmap", src.join("theirs").display());
    s.x(&format!("run --rm --network none -u 999:998 {line} busybox stat -c %u:%g /d/sub")).ok().prints("999:998");
}

#[test]
fn explicit_maps_say_exactly_what_is_seen() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    let src = home(&s.mkdir("src"));
    let look = |map: &str| {
        let mount = format!("type=bind,src={},dst=/d,{map}", src.display());
        s.cli().args(["run", "--rm", "--network", "none", "--mount", &mount, "busybox", "sh", "-c", LOOK]).run().ok().text()
    };
    let wanted = ". 0:0\ntheirs 0:0\nroots 65534:65534\nother 65534:65534\nmine 65534:65534";
    assert_eq!(look("idmap=uids=1000:0:1;gids=1001:0:1"), wanted);
    assert_eq!(look("idmap=uids=1000-0-1;gids=@1001-0-1"), wanted);
    let wanted = ". 0:1001\ntheirs 0:1001\nroots 65534:0\nother 50:8\nmine 65534:998";
    assert_eq!(look("\"idmap=uids=1000:0:1,7:50:1\""), wanted);
    assert_eq!(look("idmap=uids=1000-0-1#7-50-1"), wanted);
    // Who is not in the map cannot make anything.
    s.x(&format!("run --rm --network none -u 3 -v {}:/d:idmap=uids=1000-0-1 busybox touch /d/x", src.display())).fails();
    for (bad, words) in [
        ("idmap=userns", "needs a container with a user namespace of its own"),
        ("idmap=uids=0:0:10#5:50:1", "overlap"),
        ("idmap=uids=0:0:0", "is empty"),
        ("idmap=nobody", "invalid value for idmap: nobody"),
        ("idmap=match-user:nosuch", "unable to find user nosuch: no matching entries in passwd file"),
        ("idmap,U", "exclude each other"),
    ] {
        s.x(&format!("run --rm --network none --mount type=bind,src={},dst=/d,{bad} busybox true", src.display())).exits(125).says(words);
    }
}

#[test]
fn a_hostile_image_cannot_say_who_the_user_is() {
    if beyond_the_peer("idmap").is_none() {
        return;
    }
    for image in ["hostile-passwd-fifo", "hostile-passwd-zero", "hostile-passwd-host"] {
        let s = with(&[image]);
        let src = home(&s.mkdir("src"));
        // Endless, blocking or the host's: the number is what it is, or the start says no. Nothing hangs, nothing of the host is read.
        let out = s.x(&format!("run --rm --network none -u 999 -v {}:/d:idmap {image} stat -c %u /d", src.display()));
        assert!(out.code == 125 || out.text().trim() == "999", "{image}: {out:?}");
        assert_eq!(own(&src.join("theirs")), (1000, 1001));
    }
}

#[test]
fn what_belongs_to_the_system_is_not_given_away() {
    let Some(s) = beyond_the_peer("idmap and U") else { return };
    let before = own(Path::new("/etc/passwd"));
    let alias = s.dir().join("alias");
    std::os::unix::fs::symlink("/etc", &alias).unwrap();
    for source in ["/etc", "/etc/passwd", "/usr", "/usr/share", "/home", "/var/lib", alias.to_str().unwrap()] {
        for how in ["U", "idmap"] {
            s.x(&format!("run --rm --network none -u 999 -v {source}:/d:{how} busybox true"))
                .exits(125)
                .says("is not allowed for")
                .says("belongs to the system");
        }
    }
    assert_eq!(own(Path::new("/etc/passwd")), before);
    let root = s.root().join("volumes");
    s.x(&format!("run --rm --network none -v {}:/d:U busybox true", root.display())).exits(125).says("the engine's own files");
    // As with Docker, a label is nothing where there is no SELinux.
    s.ok("run --rm --network none -v /etc:/d:ro,z busybox true");
    s.ok("run --rm --network none --mount type=bind,src=/etc,dst=/d,ro,relabel=private busybox true");
}

#[test]
fn inspect_and_the_api_say_what_was_asked() {
    let Some(s) = beyond_the_peer("idmap") else { return };
    let src = home(&s.mkdir("src"));
    s.ok(&format!(
        "create --name box -v {}:/b:ro,idmap,noexec --mount src=vol,dst=/v,idmap=uids=1:2:3,U=false,nosuid,O busybox",
        src.display()
    ));
    let c = s.inspect("box");
    assert_eq!(c["HostConfig"]["Binds"], json!([format!("{}:/b:ro,idmap,noexec", src.display())]));
    let bind = mount_at(&c, "/b");
    assert_eq!((bind["Mode"].as_str(), &bind["RW"]), (Some("ro,idmap,noexec"), &json!(false)));
    assert_eq!((&bind["IDMapping"], &bind["Options"]), (&json!({"Source": "match-user"}), &json!(["noexec"])));
    let volume = mount_at(&c, "/v");
    let maps = json!({"UIDMaps": [{"ContainerID": 1, "HostID": 2, "Size": 3}]});
    assert_eq!((&volume["IDMapping"], &volume["Options"]), (&maps, &json!(["nosuid", "O"])));
    assert_eq!(c["HostConfig"]["Mounts"][0]["VolumeOptions"]["IDMapping"], maps);
    // moby's proposed shape, by the API.
    let door = Door::open(&s);
    let body = |options: serde_json::Value| {
        json!({"Image": "busybox", "User": "999:998", "Cmd": ["stat", "-c", "%u:%g", "/d/theirs"], "HostConfig": {"NetworkMode": "none",
            "Mounts": [{"Type": "bind", "Source": src, "Target": "/d", "BindOptions": options}]}})
    };
    let made = door.post_json("/v1.50/containers/create?name=api", &body(json!({"IDMapping": {"Source": "match-user", "User": ""}})));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(s.ok("start -a api"), "999:998");
    let shown = door.get("/v1.50/containers/api/json").json();
    assert_eq!(shown["HostConfig"]["Mounts"][0]["BindOptions"], json!({"IDMapping": {"Source": "match-user"}}));
    let refused = door.post_json("/v1.50/containers/create", &body(json!({"IDMapping": {"Source": "userns"}})));
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("user namespace of its own"), "{}", refused.message());
    let mut binds = body(json!(null));
    binds["HostConfig"]["Mounts"] = json!(null);
    binds["HostConfig"]["Binds"] = json!([format!("{}:/d:idmap,bogus", src.display())]);
    let refused = door.post_json("/v1.50/containers/create", &binds);
    assert_eq!((refused.status, refused.message().as_str()), (400, "invalid mode: idmap,bogus"));
}
