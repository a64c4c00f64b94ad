//! Where volumes lie and what keeps them to their size: the pool, quotas, file systems in files; full ones; growth; deaths on the way.
use crate::kill::at_every_call;
use crate::scene::STEAD;
use std::path::Path;
use stead_testkit::{Command, Disk, Fs, Sandbox, mounts_below, skip};

fn is_peer() -> bool {
    let is_peer = std::env::var_os("STEAD_TEST_ENGINE").is_some();
    if is_peer {
        skip("the peer has no pool and no sizes");
    }
    is_peer
}

/// Loop devices whose file lies below a directory.
fn loops_below(dir: &Path) -> Vec<String> {
    let listing = std::fs::read_dir("/sys/block").unwrap().flatten();
    let files = listing.filter_map(|entry| std::fs::read_to_string(entry.path().join("loop/backing_file")).ok());
    files.filter(|file| Path::new(file.trim_end()).starts_with(dir)).collect()
}

#[track_caller]
fn nothing_is_left(s: &Sandbox) {
    assert_eq!(mounts_below(&s.root().join("volumes")), Vec::<std::path::PathBuf>::new());
    s.eventually("no loop device of ours is left", || loops_below(s.root()).is_empty());
}

/// Quotas are on for a btrfs because whoever looks after the machine wants them.
fn count_from_now_on(disk: &Disk) {
    Command::new("btrfs").args(["quota", "enable"]).arg(disk.path()).run().ok();
}

/// What `dd` in a container says of a file of so many MiB.
fn write_in_container(s: &Sandbox, volume: &str, mib: u32) -> stead_testkit::Output {
    s.x(&format!("run --rm -v {volume}:/d busybox sh -c 'dd if=/dev/zero of=/d/f bs=1M count={mib} && sync'"))
}

#[test]
fn snapshots_of_a_pool_are_subvolumes_whatever_the_root_is_on() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 700);
    let s = Sandbox::on(STEAD, disk.path());
    assert!(s.fails(1, "volume create -o pool data").contains("there is no pool"));
    assert!(s.fails(1, "system pool inspect").contains("there is no pool"));
    assert!(s.fails(1, "system pool create").contains("--size"));
    s.ok("system pool create --size 400m");
    assert!(s.fails(1, "system pool create --size 400m").contains("there is a pool already"));
    s.ok("volume create -o pool data");
    std::fs::write(s.root().join("pool/mnt/volumes/data/_data/f"), "1").unwrap();
    s.ok("volume snapshot create data a");
    assert_eq!(s.ok("volume inspect -f '{{.Status.SnapshotMethod}} {{.Status.Place}}' data"), "subvolume pool");
    std::fs::write(s.root().join("pool/mnt/volumes/data/_data/f"), "2").unwrap();
    s.ok("volume clone data@a copy");
    s.ok("volume rollback data@a");
    for name in ["data", "copy"] {
        assert_eq!(std::fs::read_to_string(s.root().join(format!("pool/mnt/volumes/{name}/_data/f"))).unwrap(), "1");
    }
    s.ok("volume rename copy twin");
    s.ok("volume rm twin");
    s.ok("volume undelete twin");
    // As after a boot: whoever asks first mounts it.
    Command::new("umount").arg(s.root().join("pool/mnt")).run().ok();
    assert_eq!(s.ok("volume ls -q"), "data\ntwin");
    assert!(s.fails(1, "system pool rm").contains("in use"));
    assert!(s.fails(1, "system pool grow --size 300m").contains("cannot shrink"));
    s.ok("system pool grow --size 500m");
    assert!(s.ok("system pool inspect -f '{{.Size}}'").starts_with("524288000"));
    s.ok("system config set volume.pool true");
    s.ok("volume create silent");
    s.ok("volume create -o pool=false outside");
    assert_eq!(s.ok("volume inspect -f '{{.Status.Place}}' silent outside"), "pool\ndirectory");
    s.ok("system check --repair");
    assert_eq!(s.ok("volume ls -q"), "data\noutside\nsilent\ntwin", "a repair leaves the pool mounted");
    s.ok("volume rm --now data silent twin outside");
    s.ok("system pool rm");
    nothing_is_left(&s);
    assert!(s.fails(1, "volume create lost").contains("there is no pool"), "nothing falls back to another place in silence");
}

#[test]
fn a_pool_that_is_gone_is_an_error_and_no_new_volume() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 500);
    let s = Sandbox::on(STEAD, disk.path());
    s.ok("system pool create --size 300m");
    s.ok("volume create -o pool data");
    s.ok("volume create -o pool=false outside");
    Command::new("umount").arg(s.root().join("pool/mnt")).run().ok();
    let (image, aside) = (s.root().join("pool/pool.img"), s.root().join("aside"));
    std::fs::rename(&image, &aside).unwrap();
    assert!(s.fails(1, "volume create data").contains("pool"), "not an empty one of that name");
    assert!(s.fails(1, "volume inspect data").contains("pool"));
    let listed = s.x("volume ls -q");
    assert!(listed.text().contains("outside") && listed.stderr.contains("data"), "{listed}");
    std::fs::rename(&aside, &image).unwrap();
    assert_eq!(s.ok("volume inspect -f '{{.Name}}' data"), "data");
    s.ok("volume rm --now data outside");
    s.ok("system pool rm");
    nothing_is_left(&s);
}

#[test]
fn a_full_volume_is_full_and_nothing_else_is() {
    if is_peer() {
        return;
    }
    for (fs, place, quota) in [
        (Fs::Ext4, "", "image (ext4)"),
        (Fs::Xfs, "", "image (ext4)"),
        (Fs::Btrfs, "", "image (ext4)"),
        (Fs::Btrfs, "", "qgroup"),
        (Fs::Ext4, "-o pool ", "qgroup"),
    ] {
        let disk = Disk::new(fs, 900);
        if fs == Fs::Btrfs && quota == "qgroup" {
            count_from_now_on(&disk);
        }
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
        if !place.is_empty() {
            s.ok("system pool create --size 500m");
        }
        s.ok(&format!("volume create {place}--size 48m data"));
        s.ok(&format!("volume create {place}other"));
        assert_eq!(s.ok("volume inspect -f '{{.Status.Quota}} {{.Status.SizeLimit}}' data"), format!("{quota} 50331648"), "{fs:?}");
        let full = write_in_container(&s, "data", 80);
        let said = &full.stderr;
        assert!(full.code != 0 && (said.contains("No space left") || said.contains("quota exceeded")), "{fs:?}: {full}");
        let fine = write_in_container(&s, "other", 60);
        assert_eq!(fine.code, 0, "{fs:?}: {fine}");
        for verb in ["volume ls", "volume inspect data", "system df", "volume snapshot ls data"] {
            s.ok(verb);
        }
        assert!(s.fails(1, "volume resize data 8m").contains("resize data"), "{fs:?}");
        s.ok("volume resize data 128m");
        let larger = write_in_container(&s, "data", 80);
        assert_eq!(larger.code, 0, "{fs:?}: {larger}");
        s.ok("volume clone data twin");
        assert_eq!(s.ok("volume inspect -f '{{.Status.SizeLimit}}' twin"), "134217728", "{fs:?}");
        let full = write_in_container(&s, "twin", 200);
        assert!(full.code != 0, "a clone keeps the limit: {fs:?}: {full}");
        s.ok("volume rm --now data twin other");
        if !place.is_empty() {
            s.ok("system pool rm");
        }
        if fs == Fs::Btrfs && quota != "qgroup" {
            let asked = Command::new("btrfs").args(["qgroup", "show"]).arg(disk.path()).run();
            assert!(asked.code != 0, "a size turns on no quotas for everybody else: {asked}");
        }
        nothing_is_left(&s);
    }
}

#[test]
fn levels_are_told_once_and_what_may_grow_grows() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Btrfs, 500);
    count_from_now_on(&disk);
    let s = Sandbox::on(STEAD, disk.path());
    s.ok("volume create --size 40m data");
    s.ok("volume create --size 40m --auto-extend 50%,max=50m growing");
    for name in ["data", "growing"] {
        std::fs::write(s.data(name).join("f"), vec![7; 38 << 20]).unwrap();
    }
    Command::new("sync").run().ok();
    s.ok("system run-due");
    s.ok("system run-due");
    let events = s.ok("events --since 1h --until 0s --filter type=volume --filter event=space");
    assert_eq!(events.lines().filter(|line| line.contains("data") && line.contains("level=90")).count(), 1, "{events}");
    assert_eq!(s.ok("volume inspect -f '{{.Status.SizeLimit}}' growing data"), format!("{}\n{}", 50 << 20, 40 << 20));
}

#[test]
fn rates_hold_where_a_volume_has_a_device() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 500);
    let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
    assert!(s.fails(1, "volume create --io-limit fast data").contains("io-limit is like"));
    s.ok("volume create --io-limit write=8m plain");
    assert!(s.fails(125, "run --rm -v plain:/d busybox true").contains("its io-limit cannot be held"));
    s.ok("volume create --size 64m --io-limit write=8m,read=500iops data");
    let start = std::time::Instant::now();
    s.ok("run --rm -v data:/d busybox sh -c 'dd if=/dev/zero of=/d/f bs=1M count=24 oflag=direct'");
    assert!(start.elapsed().as_secs_f64() > 1.5, "24 MiB at 8 MiB a second took {:?}", start.elapsed());
    nothing_is_left(&s);
}

/// Takes away what is there, so that the next death finds the same scene.
fn clear(s: &Sandbox) {
    s.ok("system check --repair");
    for volume in s.ok("volume ls -q").lines() {
        s.ok(&format!("volume rm --now {volume}"));
    }
}

#[test]
fn pool_create_killed() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 500);
    let s = Sandbox::on(STEAD, disk.path());
    let command = s.cli().args(["system", "pool", "create", "--size", "300m"]);
    at_every_call(
        &s,
        || (),
        &command,
        |code, place| {
            let inspected = s.x("system pool inspect");
            assert!(code != 0 || inspected.code == 0, "{place}: acknowledged and not there: {inspected}");
            s.ok("system check --repair");
            if inspected.code != 0 {
                s.ok("system pool create --size 300m");
            }
            s.ok("volume create -o pool data");
            s.ok("volume rm --now data");
            s.ok("system pool rm");
            assert!(mounts_below(s.root()).is_empty(), "{place}");
        },
    );
    nothing_is_left(&s);
}

#[test]
fn sized_create_and_resize_killed() {
    if is_peer() {
        return;
    }
    for (fs, create) in [(Fs::Ext4, "--size=24m"), (Fs::Btrfs, "--size=24m")] {
        let disk = Disk::new(fs, 500);
        if fs == Fs::Btrfs {
            count_from_now_on(&disk);
        }
        let s = Sandbox::on(STEAD, disk.path());
        // The first volume of a root makes more than itself.
        s.ok(&format!("volume create {create} first"));
        s.ok("volume rm --now first");
        let command = s.cli().args(["volume", "create", create, "data"]);
        at_every_call(
            &s,
            || (),
            &command,
            |code, place| {
                let there = s.x("volume inspect -f '{{.Status.SizeLimit}}' data");
                assert!(code != 0 || there.code == 0, "{place}: acknowledged and not there");
                if there.code == 0 {
                    assert_eq!(there.text().trim(), "25165824", "{place}");
                }
                clear(&s);
            },
        );
        if fs == Fs::Ext4 {
            // Where the kernel refuses to grow it in use, most of the calls are those of e2fsck and resize2fs, which are not killed.
            nothing_is_left(&s);
            continue;
        }
        let command = s.cli().args(["volume", "resize", "data", "48m"]);
        at_every_call(
            &s,
            || drop(s.ok(&format!("volume create {create} data"))),
            &command,
            |code, place| {
                let size = s.ok("volume inspect -f '{{.Status.SizeLimit}}' data");
                assert!(size == "50331648" || (code != 0 && size == "25165824"), "{place}: {size}");
                s.ok("system check --repair");
                s.ok("volume resize data 48m");
                clear(&s);
            },
        );
        nothing_is_left(&s);
    }
}
