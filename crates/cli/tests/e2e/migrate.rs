//! Moving in: what real engines made is adopted whole, and their data roots are not touched.
use crate::scene::{beyond_the_peer, mount_at};
use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stead_testkit::{Command, Dockerd, Output, Podman, Sandbox, image_tar};

/// Everything below a directory that a change would show in: kinds, modes, owners, times, contents, attributes.
pub(crate) fn fingerprint(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap().flatten() {
            let (path, m) = (entry.path(), entry.path().symlink_metadata().unwrap());
            let mut hash = std::hash::DefaultHasher::new();
            (m.mode(), m.uid(), m.gid(), m.nlink(), m.rdev(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()).hash(&mut hash);
            if m.is_file() {
                std::fs::read(&path).unwrap().hash(&mut hash);
            } else if m.is_symlink() {
                std::fs::read_link(&path).unwrap().hash(&mut hash);
            } else if m.is_dir() {
                waiting.push(path.clone());
            }
            found.insert(path.strip_prefix(dir).unwrap().to_path_buf(), format!("{:o} {:x}", m.mode(), hash.finish()));
        }
    }
    found
}

/// What a copy must have in common with its source.
fn content(dir: &Path) -> Vec<String> {
    let listing = Command::new("/bin/sh")
        .dir(dir)
        .args(["-c", "find . -printf '%p %y %m %U %G %s %T@ %l %n\\n' | sort; find . -type f -exec sha256sum {} + | sort -k2; getfattr -Rhd -m - --absolute-names . | sort"])
        .run()
        .ok();
    listing.lines()
}

/// A volume's content with everything that copies forget.
fn furnish(data: &Path) {
    std::fs::create_dir_all(data.join("deep/er")).unwrap();
    std::fs::write(data.join("deep/er/file"), "kept\n").unwrap();
    std::fs::hard_link(data.join("deep/er/file"), data.join("link")).unwrap();
    std::os::unix::fs::chown(data.join("deep"), Some(12345), Some(54321)).unwrap();
    std::fs::set_permissions(data.join("deep"), std::fs::Permissions::from_mode(0o2751)).unwrap();
    symlink("../../../../../etc/passwd", data.join("symlink")).unwrap();
    let sparse = std::fs::File::create(data.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", (64 << 20) - 3).unwrap();
    std::fs::write(data.join("suid"), "#!").unwrap();
    std::fs::set_permissions(data.join("suid"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    let sh = "mkfifo fifo; setfattr -n user.mine -v yes suid; setfattr -n trusted.ours -v 1 deep; setfacl -m u:777:r suid; touch -d '2001-02-03 04:05:06.789' deep/er";
    Command::new("/bin/sh").dir(data).args(["-c", sh]).run().ok();
}

pub(crate) fn migrate(s: &Sandbox, source: &Path, options: &[&str], from: &str) -> Output {
    s.cli().args(["system", "migrate-from", "--no-trunc", "--source"]).arg(source).args(options).arg(from).run()
}

/// The action and note of one thing.
#[track_caller]
pub(crate) fn action(output: &Output, kind: &str, name: &str) -> String {
    let line = output.lines().into_iter().find(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(kind) && words.next() == Some(name)
    });
    let line = line.unwrap_or_else(|| panic!("no {kind} {name} in {output}"));
    line.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
}

/// dockerd with images, volumes and containers; it has stopped.
pub(crate) fn docker_scene() -> Option<Dockerd> {
    let mut docker = Dockerd::start()?;
    for image in ["busybox", "layers"] {
        docker.cli().args(["load", "-q", "-i"]).arg(image_tar(image)).run().ok();
    }
    docker.x("volume create --label tier=db --label empty= data").ok();
    docker.x("volume create fresh").ok();
    docker.x("volume create -o type=none -o o=bind -o device=/etc bound").ok();
    furnish(&docker.root().join("volumes/data/_data"));
    let again = "if [ -e /file ]; then echo again; ls /var /d; cat /etc/passwd; else echo 1 >/file; rm /etc/passwd; rm -r /var; mkdir /var; echo v >/var/x; fi";
    docker
        .cli()
        .args(["run", "--name", "wrote", "--network", "none", "-v", "data:/d", "-v", "/anon", "busybox", "sh", "-c", again])
        .run()
        .ok();
    docker
        .x("create --name defined --network none -e FOO=bar --label x=y --restart unless-stopped -w /tmp -u 1000:1000 --hostname hh -v data:/d:ro --mount type=volume,src=fresh,dst=/f --tmpfs /tt -m 64m --read-only --stop-signal USR1 --log-driver syslog busybox sleep 5")
        .ok();
    docker.x("create --name heir --network none --volumes-from wrote:ro --entrypoint ls busybox /d").ok();
    docker.stop();
    Some(docker)
}

#[test]
fn a_docker_root_is_adopted_whole_and_left_as_it_was() {
    let Some(docker) = docker_scene() else { return };
    if beyond_the_peer("migration").is_none() {
        return;
    }
    let s = Sandbox::new(crate::scene::STEAD);
    let before = fingerprint(&docker.root());
    let plan = migrate(&s, &docker.root(), &["--dry-run"], "docker").ok();
    assert_eq!(action(&plan, "volume", "data"), "adopt");
    plan.prints("would be adopted");
    assert_eq!(s.ok("volume ls -q") + &s.ok("images -q") + &s.ok("ps -aq"), "", "a dry run does nothing");
    let done = migrate(&s, &docker.root(), &[], "docker").ok();
    assert_eq!(action(&done, "volume", "data"), "adopted");
    assert_eq!(action(&done, "volume", "bound"), "adopted its content stays in /etc");
    assert_eq!(action(&done, "container", "wrote"), "adopted");
    assert!(action(&done, "container", "defined").contains("its log goes to json-file and not to syslog"));
    done.prints("4 volumes, 2 images, 3 containers adopted");
    // Volumes.
    assert_eq!(content(&s.data("data")), content(&docker.root().join("volumes/data/_data")));
    let volume = &s.x("volume inspect data").ok().json()[0];
    assert_eq!(volume["Labels"], serde_json::json!({"empty": "", "tier": "db"}));
    assert_eq!(s.x("volume inspect bound").ok().json()[0]["Options"]["device"], "/etc");
    // Images: the same id, and every file of every layer.
    assert_eq!(s.x("image inspect layers").ok().json()[0]["Id"], format!("sha256:{}", image_id("layers")));
    let saved = s.dir().join("saved.tar");
    s.cli().args(["save", "-o"]).arg(&saved).arg("layers").run().ok();
    s.ok("run --rm layers true");
    // Containers.
    let defined = s.inspect("defined");
    assert_eq!(defined["Config"]["Env"][0], "FOO=bar");
    assert_eq!((&defined["Config"]["User"], &defined["Config"]["Hostname"]), (&"1000:1000".into(), &"hh".into()));
    assert_eq!(defined["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    assert_eq!(defined["HostConfig"]["Memory"], 64 << 20);
    assert_eq!(defined["State"]["Status"], "created");
    assert_eq!(mount_at(&defined, "/d")["RW"], false);
    assert_eq!(mount_at(&s.inspect("wrote"), "/anon")["Name"].as_str().unwrap().len(), 64);
    let second = s.x("start -a wrote").fails();
    assert!(second.text().starts_with("again\n/d:\ndeep\n") && second.text().ends_with("/var:\nx"), "{second}");
    assert!(second.stderr.contains("/etc/passwd': No such file"), "{second}");
    assert!(s.ok("start -a heir").contains("sparse"));
    // Twice is once, and the source has not noticed.
    let twice = migrate(&s, &docker.root(), &[], "docker").ok();
    assert!(twice.text().contains("0 volumes, 0 images, 0 containers adopted (0B); 9 already here."), "{twice}");
    assert_eq!(fingerprint(&docker.root()), before);
    s.ok("rm -v wrote heir");
    assert_eq!(s.x("volume ls -q").ok().lines(), ["bound", "data", "fresh"], "a volume that nobody named goes with its container");
    s.ok("system check");
}

/// The digest of a test image's config.
fn image_id(name: &str) -> String {
    let listing = Command::new("tar").arg("-xOf").arg(image_tar(name)).arg("manifest.json").run().ok();
    listing.json()[0]["Config"].as_str().unwrap().rsplit('/').next().unwrap().trim_end_matches(".json").to_owned()
}

#[test]
fn a_docker_that_works_is_not_taken_by_surprise() {
    let Some(s) = beyond_the_peer("migration") else { return };
    let Some(docker) = Dockerd::start() else { return };
    docker.cli().args(["load", "-q", "-i"]).arg(image_tar("busybox")).run().ok();
    docker.x("run -d --name live --network none -v data:/d busybox sh -c 'while :; do date >>/d/log; done'").ok();
    docker.x("create --name still --network none -v data:/d busybox cat /d/mine").ok();
    std::fs::write(docker.root().join("volumes/data/_data/mine"), "kept").unwrap();
    migrate(&s, &docker.root(), &[], "docker").exits(1).says("is in use by Docker: dockerd (process").says("hint: stop it first");
    migrate(&s, &docker.root(), &["--dry-run"], "docker").ok().says("WARNING: in use by container live");
    assert_eq!(s.ok("volume ls -q"), "");
    let forced = migrate(&s, &docker.root(), &["--force"], "docker").ok();
    assert!(action(&forced, "container", "live").starts_with("skipped it is running"), "{forced}");
    assert_eq!(s.ok("start -a still"), "kept");
    docker.x("exec live true").ok();
    // The same with images and containers here already, by reference.
    let t = Sandbox::new(crate::scene::STEAD);
    migrate(&t, &docker.root(), &["--force", "--reference", "--volumes-only"], "docker").ok().prints("its content stays in");
    t.load("busybox");
    assert_eq!(t.ok("run --rm -v data:/d busybox cat /d/mine"), "kept");
    t.ok("volume rm data");
    assert!(docker.root().join("volumes/data/_data/mine").exists(), "what is referred to is not ours to remove");
}

#[test]
fn what_is_here_already_is_left_alone() {
    let Some(docker) = docker_scene() else { return };
    let Some(s) = beyond_the_peer("migration") else { return };
    s.ok("volume create --label ours=1 data");
    s.ok("create --name wrote busybox true");
    s.load("alpine");
    s.ok("tag alpine layers:latest");
    let alpine = s.x("image inspect alpine").ok().json()[0]["Id"].clone();
    let done = migrate(&s, &docker.root(), &[], "docker").ok();
    assert_eq!(action(&done, "volume", "data"), "exists left as it is");
    assert!(action(&done, "container", "wrote").starts_with("skipped another container here has the name wrote"), "{done}");
    assert_eq!(action(&done, "image", "layers:latest"), "adopted another image here keeps the name layers:latest");
    assert_eq!(s.x("volume inspect data").ok().json()[0]["Labels"]["ours"], "1");
    assert!(std::fs::read_dir(s.data("data")).unwrap().next().is_none());
    assert_eq!(s.x("image inspect layers").ok().json()[0]["Id"], alpine);
    s.ok(&format!("image inspect sha256:{}", image_id("layers")));
}

#[test]
fn an_interrupted_migration_goes_on() {
    let Some(s) = beyond_the_peer("migration") else { return };
    let Some(docker) = docker_scene() else { return };
    let big = docker.root().join("volumes/big/_data");
    for dir in 0..30 {
        std::fs::create_dir_all(big.join(dir.to_string())).unwrap();
        for file in 0..50 {
            std::fs::write(big.join(format!("{dir}/{file}")), vec![dir; 20_000]).unwrap();
        }
    }
    let whole = content(&big);
    let before = fingerprint(&docker.root());
    let command = s.cli().args(["system", "migrate-from", "--source"]).arg(docker.root()).arg("docker");
    let mut wait = Duration::from_millis(3);
    let mut killed = 0;
    loop {
        let mut child = command.spawn();
        std::thread::sleep(wait);
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if s.x("volume ls -q").ok().lines().contains(&"big".to_owned()) {
            assert_eq!(content(&s.data("big")), whole, "a volume that is there is whole");
        }
        for name in ["wrote", "heir", "defined"] {
            let there = s.x(&format!("inspect {name}"));
            assert!(
                there.code != 0
                    || name != "wrote"
                    || s.root().join("containers").join(there.json()[0]["Id"].as_str().unwrap()).join("upper/file").exists()
            );
        }
        if ended.is_some() {
            break;
        }
        killed += 1;
        wait = wait * 3 / 2;
    }
    assert!(killed > 5, "only {killed} were killed");
    s.x("system check --repair").ok();
    s.ok("system check");
    migrate(&s, &docker.root(), &[], "docker").ok();
    assert_eq!(content(&s.data("big")), whole);
    let staging = |at: &str| std::fs::read_dir(s.root().join(at)).into_iter().flatten().count();
    assert_eq!((staging("volumes/.staging"), staging("containers/.staging"), staging("layers/.staging")), (0, 0, 0));
    s.x("start -a wrote").prints("again");
    assert_eq!(fingerprint(&docker.root()), before);
}

#[test]
fn a_podman_root_is_adopted() {
    let Some(s) = beyond_the_peer("migration") else { return };
    let Some(podman) = Podman::new() else { return };
    podman.cli().args(["load", "-q", "-i"]).arg(image_tar("busybox")).run().ok();
    podman.cli().args(["load", "-q", "-i"]).arg(image_tar("layers")).run().ok();
    podman.x("volume create --label tier=db data").ok();
    furnish(&podman.root().join("volumes/data/_data"));
    podman
        .x("create --name defined --network none -e FOO=bar --label x=y --restart always -w /tmp -u 1000:1000 --hostname hh -v data:/d:ro -v /anon -v /etc:/host:ro --tmpfs /tt:size=1m --cap-add SYS_PTRACE --entrypoint sh busybox -c 'cat /d/link'")
        .ok();
    podman.x("create --name wrote --network none -v data:/d busybox sh -c 'cat /file; ls /etc/passwd /var'").ok();
    let root = podman.x("mount wrote").ok().text();
    let sh = format!("cd {root}; echo 1 >file; rm etc/passwd; rm -r var; mkdir var; echo v >var/x");
    Command::new("/bin/sh").args(["-c", &sh]).run().ok();
    podman.x("umount wrote").ok();
    let before = fingerprint(&podman.root());
    let done = migrate(&s, &podman.root(), &[], "podman").ok();
    done.prints("2 volumes, 2 images, 2 containers adopted");
    assert_eq!(fingerprint(&podman.root()), before);
    assert_eq!(content(&s.data("data")), content(&podman.root().join("volumes/data/_data")));
    assert_eq!(s.x("volume inspect data").ok().json()[0]["Labels"]["tier"], "db");
    assert_eq!(s.x("image inspect localhost/layers").ok().json()[0]["Id"], format!("sha256:{}", image_id("layers")));
    let defined = s.inspect("defined");
    // Podman keeps variables in no order.
    assert!(defined["Config"]["Env"].as_array().unwrap().contains(&"FOO=bar".into()), "{defined}");
    assert_eq!(defined["Config"]["Labels"]["x"], "y");
    assert_eq!((&defined["Config"]["User"], &defined["Config"]["Hostname"]), (&"1000:1000".into(), &"hh".into()));
    assert_eq!(defined["HostConfig"]["RestartPolicy"]["Name"], "always");
    assert_eq!((&defined["HostConfig"]["NetworkMode"], &defined["HostConfig"]["CapAdd"][0]), (&"none".into(), &"CAP_SYS_PTRACE".into()));
    assert_eq!(mount_at(&defined, "/host")["RW"], false);
    assert_eq!(s.ok("start -a defined"), "kept");
    let wrote = s.x("start -a wrote").fails();
    assert_eq!(wrote.text(), "1\n/var:\nx");
    assert!(wrote.stderr.contains("/etc/passwd: No such file"), "{wrote}");
    migrate(&s, &podman.root(), &[], "podman").ok().prints("6 already here");
}
