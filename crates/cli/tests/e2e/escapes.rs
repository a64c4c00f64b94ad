//! Nothing outside: images, archives, subpaths and races that aim at the host. The canary tells; each class names the advisory it descends from.
use crate::scene::{STEAD, beyond_the_peer, busybox, mount_at, with};
use std::os::unix::fs::symlink;
use stead_testkit::{CANARY_DIR, Canary, NamedCanary, Sandbox, Swap, hostile, skip};

/// Rounds of a race; `STEAD_TEST_ALL=1` takes ten times as many.
fn rounds(few: usize) -> usize {
    if std::env::var_os("STEAD_TEST_ALL").is_some() { few * 10 } else { few }
}

/// Whether the peer is spared this test, since it is expected to lose. `STEAD_TEST_PEER_LOSES=1` lets it lose, which shows that the test can fail.
fn spared(s: &Sandbox, why: &str) -> bool {
    let spared = s.is_docker() && std::env::var_os("STEAD_TEST_PEER_LOSES").is_none();
    if spared {
        skip(why);
    }
    spared
}

/// CVE-2026-41579, CVE-2026-88264, CVE-2024-5154, CVE-2025-24965, CVE-2025-31133: what the engine itself makes in a root file system whose own
/// directories are symlinks to the host.
#[test]
fn images_that_lie_about_dev_proc_sys_and_etc() {
    let s = with(&["busybox"]);
    if spared(&s, "runc of 20.10 is known to be hurt by some of these; the canary is not for it") {
        return;
    }
    let canary = NamedCanary::new();
    let core_pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    for image in ["dev", "dev-rel", "null", "proc", "sys", "etc", "hosts"] {
        s.load(&format!("hostile-{image}"));
        for how in ["", "-t", "--privileged", "--read-only", "-v /tmp:/etc/x", "-v vol:/dev/shm/x", "--init", "--runtime crun"] {
            let out = s.x(&format!("run --rm {how} hostile:{image} sh -c 'cat /etc/secret /dev/secret /proc/secret; true'"));
            assert!(!out.text().contains(canary.secret()), "hostile:{image} {how} reads the host\n{out}");
            canary.assert_untouched();
        }
        s.ok(&format!("create --name cc hostile:{image}"));
        std::fs::write(s.dir().join("f"), "x").unwrap();
        for line in ["cp ./f c:/etc/new", "cp ./f c:/dev/new", "cp c:/etc/secret ./got", "cp c:/dev/secret ./got"] {
            let out = s.x(line);
            assert!(
                out.code != 0
                    || !line.contains("got")
                    || !std::fs::read_to_string(s.dir().join("got")).is_ok_and(|t| t.contains(canary.secret())),
                "{out}"
            );
            canary.assert_untouched();
        }
        s.ok("rm cc");
    }
    assert_eq!(core_pattern, std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap());
}

/// CVE-2022-23648: a declared volume whose path is a symlink to the host is copied from the image, never from the host.
#[test]
fn a_volume_target_that_is_a_symlink() {
    let s = with(&["hostile-volume-abs", "hostile-volume-rel"]);
    let canary = NamedCanary::new();
    for image in ["volume-abs", "volume-rel"] {
        let name = format!("c-{image}");
        s.x(&format!("create --name {name} -v named-{image}:/v hostile:{image}")).ok();
        let volume = s.data(&format!("named-{image}"));
        assert!(!volume.join("secret").exists(), "{image}: the host's files were copied in");
        let out = s.x(&format!("run --rm hostile:{image} sh -c 'cat /v/secret; touch /v/new; true'"));
        assert!(!out.text().contains(canary.secret()), "{out}");
        canary.assert_untouched();
        s.ok(&format!("rm -v {name}"));
    }
}

/// CVE-2019-16884: a volume over /proc would hide what the engine relies on.
#[test]
fn a_volume_over_proc_is_refused() {
    let s = with(&["hostile-volume-proc"]);
    s.x("run --rm hostile:volume-proc true").fails();
    for at in ["/proc", "/proc/self", "/proc/sys"] {
        s.x(&format!("run --rm -v data:{at} hostile:volume-proc true")).fails();
    }
}

/// CVE-2024-9676: a FIFO or an endless file where /etc/passwd should be must not hang or eat memory.
#[test]
fn passwd_that_is_no_file() {
    let s = with(&["hostile-passwd-fifo", "hostile-passwd-zero", "hostile-passwd-host"]);
    if spared(&s, "dockerd 20.10 hangs here: that is CVE-2024-9676's class") {
        return;
    }
    let canary = NamedCanary::new();
    for image in ["passwd-fifo", "passwd-zero", "passwd-host"] {
        let out = s.x(&format!("run --rm -u canary hostile:{image} id -u"));
        assert!(out.took.as_secs() < 5, "{out}");
        assert_eq!(out.code, 125, "{out}");
        // A numeric user needs no file.
        // (busybox's own id would look into the file.)
        assert!(s.x(&format!("run --rm -u 77:77 hostile:{image} grep Uid: /proc/self/status")).ok().text().contains("77"));
    }
    canary.assert_untouched();
}

/// CVE-2024-21626: a working directory that is a descriptor of the engine's.
#[test]
fn a_working_directory_in_proc_self_fd() {
    let s = with(&["hostile-workdir"]);
    let inside = |out: &stead_testkit::Output| out.code != 0 || !out.text().contains("(unreachable)") && !out.text().contains("stead");
    let out = s.x("run --rm hostile:workdir sh -c 'pwd; ls -a ..; cat ../../../../etc/hostname'");
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    assert!(inside(&out) && (host.trim().is_empty() || !out.text().contains(host.trim())), "{out}");
    for fd in 3..24 {
        let out = s.x(&format!("run --rm -w /proc/self/fd/{fd} hostile:workdir sh -c 'pwd; ls /proc/self/cwd/../..'"));
        assert!(out.code != 0, "fd {fd}: {out}");
    }
    s.ok("run -d --name cc -w / hostile:workdir sleep 600");
    for fd in 3..16 {
        s.x(&format!("exec -w /proc/self/fd/{fd} cc pwd")).fails();
    }
    s.ok("rm -f cc");
}

/// The mount target is resolved inside the container, symlinks and all.
#[test]
fn mount_targets_through_symlinks_stay_inside() {
    let s = busybox();
    let canary = NamedCanary::new();
    let d = s.mkdir("d");
    std::fs::write(d.join("f"), "mounted").unwrap();
    // A volume that a container filled with symlinks to the host, then mounted below by another.
    s.ok(&format!("run --rm -v vv:/v busybox sh -c 'ln -s {CANARY_DIR} /v/abs; ln -s ../../../../../../..{CANARY_DIR} /v/rel; ln -s /proc/1/root{CANARY_DIR} /v/magic'"));
    for link in ["abs", "rel", "magic"] {
        for below in ["", "/sub", "/new/deep"] {
            let out = s.x(&format!("run --rm -v vv:/v -v {}:/v/{link}{below} busybox cat /proc/self/mountinfo", d.display()));
            assert!(out.code == 0 || !out.stderr.is_empty());
            canary.assert_untouched();
        }
    }
    // Docker itself follows a link inside the root: /var/run -> /run in many images (moby#52653).
    s.ok(&format!("run --rm -v {}:/bin/../etc/linked/x busybox cat /etc/linked/x/f", d.display()));
}

/// CVE-2021-30465, CVE-2024-45310, CVE-2023-27561: a directory of a shared volume is exchanged for a symlink to the host while another container's
/// mounts are made below it.
#[test]
fn a_race_for_the_mount_target() {
    let s = busybox();
    if spared(&s, "the peer's loss is the reason for the test") {
        return;
    }
    let canary = NamedCanary::new();
    s.ok("volume create vv");
    let data = s.data("vv");
    std::fs::create_dir_all(data.join("a/sub")).unwrap();
    symlink(CANARY_DIR, data.join("b")).unwrap();
    let d = s.mkdir("d");
    let swap = Swap::start(&data.join("a"), &data.join("b"));
    let mut worked = 0;
    for _ in 0..rounds(40) {
        let out = s.x(&format!("run --rm -v vv:/v -v {}:/v/a/sub -v ww:/v/a/new busybox cat /v/a/secret", d.display()));
        assert!(!out.text().contains(canary.secret()), "{out}");
        worked += usize::from(out.code < 125);
        canary.assert_untouched();
    }
    swap.finish();
    assert!(worked > 0, "not one container started: the race was never run");
}

/// CVE-2021-25741, CVE-2017-1002101: the same race for a volume's subpath.
#[test]
fn a_race_for_the_subpath() {
    let Some(s) = beyond_the_peer("volume-subpath") else { return };
    let canary = NamedCanary::new();
    s.ok("volume create vv");
    let data = s.data("vv");
    std::fs::create_dir(data.join("a")).unwrap();
    std::fs::write(data.join("a/mine"), "").unwrap();
    symlink(CANARY_DIR, data.join("b")).unwrap();
    s.x("run --rm --mount src=vv,dst=/x,volume-subpath=b busybox ls /x").fails();
    let swap = Swap::start(&data.join("a"), &data.join("b"));
    let mut worked = 0;
    for _ in 0..rounds(50) {
        let out = s.x("run --rm --mount src=vv,dst=/x,volume-subpath=a busybox ls /x");
        assert!(!out.text().contains("secret"), "{out}");
        worked += usize::from(out.code == 0);
    }
    swap.finish();
    assert!(worked > 0, "not one container started: the race was never run");
    canary.assert_untouched();
}

/// CVE-2018-15664, CVE-2026-41568, CVE-2026-42306: `cp` both ways while the container exchanges a directory for a symlink.
#[test]
fn a_race_against_cp() {
    let s = busybox();
    if spared(&s, "the peer's loss is the reason for the test") {
        return;
    }
    let canary = NamedCanary::new();
    std::fs::write(s.dir().join("f"), "copied").unwrap();
    s.ok("run -d --name cc -v vv:/v busybox sleep 600");
    let data = s.data("vv");
    std::fs::create_dir(data.join("a")).unwrap();
    std::fs::write(data.join("a/secret"), "harmless").unwrap();
    symlink(CANARY_DIR, data.join("b")).unwrap();
    let swap = Swap::start(&data.join("a"), &data.join("b"));
    let mut failed = 0;
    let all = rounds(60);
    for i in 0..all {
        failed += usize::from(s.x(&format!("cp ./f cc:/v/a/new{i}")).code != 0);
        let read = s.x("cp cc:/v/a/secret ./got").code == 0;
        let got = s.dir().join("got");
        if read && got.symlink_metadata().is_ok_and(|m| m.is_file()) {
            assert!(!std::fs::read_to_string(&got).unwrap().contains(canary.secret()), "read from the host");
        }
        canary.assert_untouched();
    }
    swap.finish();
    assert!(failed < all, "not one cp worked");
    s.ok("rm -f cc");
}

/// CVE-2022-21658: a tree is deleted while a directory in it is exchanged for a symlink.
#[test]
fn a_race_against_volume_rm() {
    let s = busybox();
    if spared(&s, "a promise of ours") {
        return;
    }
    let canary = NamedCanary::new();
    let mut swaps = 0;
    for i in 0..rounds(6) {
        s.ok(&format!("volume create v{i}"));
        let data = s.data(&format!("v{i}"));
        for k in 0..400 {
            std::fs::create_dir_all(data.join(format!("d{k}/x/y"))).unwrap();
        }
        std::fs::create_dir(data.join("a")).unwrap();
        symlink(CANARY_DIR, data.join("b")).unwrap();
        // Both names are reached through descriptors of the directory, which stay good after the volume's directory is renamed away.
        let fd = std::fs::File::open(&data).unwrap();
        let through = std::path::PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd)));
        let swap = Swap::start(&through.join("a"), &through.join("b"));
        swap.warm_up();
        s.ok(&format!("volume rm v{i}"));
        swaps += swap.finish();
        canary.assert_untouched();
    }
    assert!(swaps > 1000);
    s.ok("system check --repair");
    s.eventually("the trash is swept", || crate::scene::named(&s.root().join("volumes/.trash")).is_empty());
    canary.assert_untouched();
}

/// F-TAR through every door that takes an archive: `cp -`, `import`, `load`.
#[test]
fn hostile_archives_through_every_door() {
    let s = busybox();
    if spared(&s, "a promise of ours") {
        return;
    }
    let dir = s.mkdir("canary");
    let canary = Canary::at(&dir);
    s.ok("create --name cc -v vv:/v busybox");
    for vector in hostile::vectors(dir.to_str().unwrap()) {
        for target in ["/v", "/tmp"] {
            s.x("run --rm --volumes-from cc busybox sh -c 'rm -rf /v/* /v/.[!.]*'").ok();
            let old = s.data("vv").join("oldlink");
            symlink(&dir, &old).unwrap();
            let out = s.cli().args(["cp", "-", &format!("cc:{target}")]).stdin(vector.tar.clone()).run();
            assert!(out.code >= 0 && !out.stderr.contains("panicked"), "{} by cp: {out}", vector.name);
            canary.assert_untouched();
            std::fs::remove_file(old).ok();
        }
        let out = s.cli().args(["import", "-", &format!("hostile-{}:1", vector.name)]).stdin(vector.tar.clone()).run();
        assert!(out.code >= 0 && !out.stderr.contains("panicked"), "{} by import: {out}", vector.name);
        canary.assert_untouched();
        if out.code == 0 {
            let seen = s.x(&format!("create --name i-{0} -v vol-{0}:/l hostile-{0}:1 /x", vector.name));
            assert!(seen.code >= 0);
            canary.assert_untouched();
        }
        let out = s.cli().arg("load").stdin(vector.tar.clone()).run();
        assert!(out.code > 0 && !out.stderr.contains("panicked"), "{} by load: {out}", vector.name);
        canary.assert_untouched();
    }
    let huge = crate::scene::names(s.root()).len();
    assert!(huge > 0);
}

/// CVE-2025-9566 and podman's CVE-2025-11395: a symlink that a container left in its volume is not followed by `cp`.
#[test]
fn cp_through_a_symlink_in_a_volume() {
    let s = busybox();
    let canary = NamedCanary::new();
    std::fs::write(s.dir().join("f"), "x").unwrap();
    s.ok(&format!("run -d --name cc -v vv:/v busybox sh -c 'ln -s {CANARY_DIR} /v/out; ln -s {CANARY_DIR}/secret /v/file; sleep 600'"));
    s.eventually("links", || s.data("vv").join("file").symlink_metadata().is_ok());
    for line in ["cp ./f c:/v/out/new", "cp ./f c:/v/file", "cp c:/v/file ./got", "cp -L c:/v/file ./got2", "cp c:/v/out/secret ./got3"] {
        let out = s.x(line);
        assert!(out.code >= 0, "{out}");
        canary.assert_untouched();
    }
    for got in ["got", "got2", "got3"] {
        let path = s.dir().join(got);
        if path.symlink_metadata().is_ok_and(|m| m.is_file()) {
            assert!(!std::fs::read_to_string(path).unwrap().contains(canary.secret()), "{got}");
        }
    }
    s.ok("rm -f cc");
}

/// CVE-2021-41091: nobody else on the host walks into the data.
#[test]
fn state_is_not_for_other_users() {
    use std::os::unix::fs::MetadataExt;
    let s = Sandbox::new(STEAD).with(&["busybox"]);
    if spared(&s, "20.10's own modes differ") {
        return;
    }
    s.ok("create --name cc -v vv:/v busybox");
    let id = s.ok("ps -aq --no-trunc");
    let closed = || {
        for (path, most) in [("", 0o711), ("volumes", 0o700), ("stead.db", 0o600), ("containers", 0o700), ("layers", 0o700)] {
            let mode = s.root().join(path).metadata().unwrap().mode() & 0o777;
            assert_eq!(mode & !most, 0, "{path} is {mode:o}");
        }
    };
    closed();
    // Earlier versions let others through to a volume whose name they knew, and to the set-uid files in it.
    for dir in ["volumes", "containers", "layers"] {
        std::fs::set_permissions(s.root().join(dir), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    }
    s.ok("volume ls");
    closed();
    let mode = s.root().join("containers").join(id).metadata().unwrap().mode() & 0o777;
    assert_eq!(mode & 0o007, 0, "{mode:o}");
    assert_eq!(mount_at(&s.inspect("cc"), "/v")["Name"], "vv");
    let abstract_sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    assert!(!abstract_sockets.lines().any(|l| l.contains("@stead")), "no abstract socket of ours");
}
