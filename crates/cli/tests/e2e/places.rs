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

#[test]
fn a_full_pool_is_full_and_what_is_removed_goes_back_to_the_host() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 900);
    let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
    s.ok("system pool create --size 300m");
    s.ok("volume create -o pool data");
    s.ok("volume create -o pool other");
    s.ok("volume create outside");
    let full = write_in_container(&s, "data", 400);
    assert!(full.code != 0 && full.stderr.contains("No space left"), "{full}");
    let allocated = || s.ok("system pool inspect -f '{{.Allocated}}'").parse::<u64>().unwrap();
    let at_most = allocated();
    assert!(at_most > 150 << 20, "{at_most}");
    everything_can_be_looked_at(&s);
    let line = s.ok("system df --format '{{.Type}} {{.TotalCount}}'");
    assert!(line.contains("Pool 2"), "{line}");
    assert!(s.ok("system df -v").contains("Pool space usage"));
    assert_eq!(write_in_container(&s, "outside", 8).code, 0);
    s.ok("volume rm data");
    assert!(allocated() > 150 << 20, "it can be had back");
    s.ok("volume undelete data");
    s.ok("volume rm data");
    s.ok("volume trash empty -f");
    // btrfs does it in the background, after up to two minutes.
    let began = std::time::Instant::now();
    while allocated() > at_most / 2 {
        assert!(began.elapsed().as_secs() < 180, "the host never had it back: {} of {at_most}", allocated());
        Command::new("sync").arg("-f").arg(s.root().join("pool/mnt")).run().ok();
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert_eq!(write_in_container(&s, "other", 100).code, 0, "there is room again");
    s.ok("volume rm --now other outside");
    s.ok("system pool rm");
    nothing_is_left(&s);
}

/// What has to work however full it is.
fn everything_can_be_looked_at(s: &Sandbox) {
    for verb in ["volume ls", "volume inspect data other outside", "system df", "system pool inspect", "volume trash ls"] {
        s.ok(verb);
    }
}

#[test]
fn a_full_host_below_a_sparse_pool_takes_nothing_but_writes() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 600);
    let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
    s.ok("system pool create --size 2g");
    s.ok("volume create -o pool data");
    s.ok("volume create -o pool other");
    s.ok("volume create outside");
    s.ok("run --rm -v data:/d -v other:/o busybox sh -c 'echo kept > /d/kept; echo kept > /o/kept; sync'");
    disk.fill();
    let warned = s.x("system check");
    assert!(warned.text().contains("writes in the pool fail though it has room"), "{warned}");
    let full = write_in_container(&s, "data", 300);
    assert!(full.code != 0, "{full}");
    everything_can_be_looked_at(&s);
    s.ok("volume rm data");
    s.ok("volume undelete data");
    s.ok("volume rm outside");
    s.ok("volume trash empty -f");
    assert_eq!(s.ok("volume ls -q"), "data\nother");
    disk.empty();
    for name in ["data", "other"] {
        let read = s.x(&format!("run --rm -v {name}:/d busybox cat /d/kept"));
        assert_eq!((read.code, read.text().trim()), (0, "kept"), "{name}: {read}");
        let wrote = write_in_container(&s, name, 20);
        assert_eq!(wrote.code, 0, "{name} is fine once there is room: {wrote}");
    }
    s.ok("volume rm --now data other");
    s.ok("system pool rm");
    nothing_is_left(&s);
}

#[test]
fn verbs_of_a_file_system_of_its_own_killed() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 600);
    let s = Sandbox::on(STEAD, disk.path()).with(&["busybox"]);
    let seed = s.mkdir("seed");
    std::fs::write(seed.join("f"), "new").unwrap();
    let tar = s.dir().join("x.tar");
    Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&seed).arg(".").run().ok();
    s.ok("volume create --size 16m data");
    s.ok("run --rm -v data:/d busybox sh -c 'echo old > /d/f'");
    s.ok("volume snapshot create data s");
    let content = || s.ok("volume cat data:f");
    let gone = |name: &str| drop(s.x(&format!("volume rm --now {name}")));
    let cases: [(&[&str], &dyn Fn()); 5] = [
        (&["volume", "resize", "data", "24m"], &|| ()),
        (&["volume", "snapshot", "create", "data", "t"], &|| drop(s.x("volume snapshot rm data t"))),
        (&["volume", "clone", "data", "twin"], &|| gone("twin")),
        (&["volume", "rollback", "data@s"], &|| ()),
        (&["volume", "import", "--replace", "data", tar.to_str().unwrap()], &|| drop(s.ok("volume rollback data@s"))),
    ];
    for (words, again) in cases {
        let command = s.cli().args(words);
        at_every_call(&s, again, &command, |code, place| {
            let place = format!("{words:?} {place}");
            // No repair in between: whoever comes next is not kept away by the dead.
            let used = s.x("run --rm -v data:/d busybox true");
            assert_eq!(used.code, 0, "{place}: {used}");
            let found = content();
            assert!(found == "old" || (found == "new" && words[1] == "import"), "{place}: {found}");
            assert!(code != 0 || words[1] != "import" || found == "new", "{place}: acknowledged and not there");
            let renamed = s.x("volume rename data moved");
            assert_eq!(renamed.code, 0, "{place}: the dead keep nothing: {renamed}");
            s.ok("volume rename moved data");
            if words[1] == "import" {
                s.ok("system check --repair");
                assert!(mounts_below(&s.root().join("volumes")).is_empty(), "{place}");
            }
        });
    }
    for name in s.ok("volume ls -q").lines() {
        s.ok(&format!("volume rm --now {name}"));
    }
    nothing_is_left(&s);
}

/// Projects of XFS are there without quotas too: what is renamed into a directory of another project is refused (`EXDEV`).
#[test]
fn no_verb_trips_over_a_project() {
    if is_peer() {
        return;
    }
    let disk = Disk::new(Fs::Xfs, 400);
    let s = Sandbox::on(STEAD, disk.path()).with(&["busybox", "layers"]);
    let project = |name: &str| drop(Command::new("chattr").args(["-p", "1073741831", "+P"]).arg(s.data(name)).run().ok());
    for name in ["data", "filled", "imported"] {
        s.ok(&format!("volume create {name}"));
        project(name);
    }
    let outside = disk.path().join("outside");
    std::fs::write(&outside, "x").unwrap();
    let refused = std::fs::rename(&outside, s.data("data").join("x")).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(18), "or this test proves nothing");
    s.ok("run --rm -v filled:/vol layers true");
    assert!(std::fs::read_dir(s.data("filled")).unwrap().count() > 0, "populated");
    s.ok(
        "run --rm -v data:/d busybox sh -c 'mkdir /d/a /d/b; echo 1 > /d/a/f; ln -s f /d/a/l; mkfifo /d/a/p; mv /d/a/l /d/a/f /d/a/p /d/b'",
    );
    s.ok("volume snapshot create data s");
    s.ok("run --rm -v data:/d busybox sh -c 'echo 2 > /d/b/f'");
    s.ok("volume clone data twin");
    s.ok("volume rollback data@s");
    assert_eq!(s.ok("volume cat data:b/f"), "1");
    project("data");
    s.ok("volume rollback data@s");
    s.ok(&format!("volume export -o {} twin", s.dir().join("x.tar").display()));
    let tar = s.dir().join("x.tar").display().to_string();
    s.ok(&format!("volume import imported {tar}"));
    project("imported");
    s.ok(&format!("volume import --replace imported {tar}"));
    project("imported");
    s.ok(&format!("volume import --merge imported {tar}"));
    s.ok(&format!("volume cp {tar} imported:b/tar"));
    assert_eq!(s.ok("volume cat imported:b/f"), "2");
    s.ok("volume rename imported moved");
    s.ok("volume rm moved");
    s.ok("volume undelete moved");
    s.ok("system check --repair");
    s.ok("volume rm --now moved data twin filled");
    nothing_is_left(&s);
}

#[test]
fn a_project_holds_a_size_where_the_kernel_has_quotas() {
    if is_peer() {
        return;
    }
    for fs in [Fs::Ext4, Fs::Xfs] {
        let Some(disk) = Disk::with_projects(fs, 600) else {
            skip(&format!("this kernel mounts no {} with project quotas (CONFIG_QFMT_V2, CONFIG_XFS_QUOTA)", fs.name()));
            continue;
        };
        let s = Sandbox::on(STEAD, disk.path()).with(&["busybox", "layers"]);
        s.ok("volume create --size 48m data");
        assert_eq!(s.ok("volume inspect -f '{{.Status.Quota}}' data"), "project");
        let full = write_in_container(&s, "data", 80);
        let said = &full.stderr;
        assert!(full.code != 0 && (said.contains("No space left") || said.contains("quota exceeded")), "{fs:?}: {full}");
        assert!(s.fails(1, "volume resize data 8m").contains("it holds"));
        s.ok("volume resize data 96m");
        s.ok("run --rm -v data:/d busybox sh -c 'rm /d/f; mkdir /d/a /d/b; ln -s x /d/a/l; echo 1 > /d/a/f; mv /d/a/l /d/a/f /d/b'");
        s.ok("volume resize data 64m");
        s.ok("volume snapshot create data s");
        s.ok("volume clone data twin");
        s.ok("volume rollback data@s");
        s.ok("volume export -o x.tar data");
        s.ok("volume create --size 64m imported");
        s.ok("volume import imported x.tar");
        s.ok("run --rm -v filled:/vol layers true");
        // A limit that comes later finds links that were there before.
        s.ok("volume create later");
        s.ok("run --rm -v later:/d busybox sh -c 'mkdir /d/a /d/b; ln -s x /d/b/l'");
        s.ok("volume resize later 64m");
        for name in ["data", "twin", "imported", "later"] {
            s.ok(&format!("run --rm -v {name}:/d busybox sh -c 'mv /d/b/l /d/a/ && readlink /d/a/l'"));
            let full = write_in_container(&s, name, 100);
            assert!(full.code != 0, "{fs:?}: {name} keeps the limit: {full}");
        }
        s.ok("system check");
        s.ok("volume rm --now data twin imported later filled");
    }
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
