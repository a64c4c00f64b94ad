//! Snapshots, clones and rollbacks of volumes, on each kind of file system and method.
use crate::scene::{STEAD, names};
use std::fmt::Write as _;
use std::path::Path;
use stead_testkit::{Command, Disk, Fs, Sandbox, skip};

/// Where a root lies, and which method that has to give.
const PLACES: [(Fs, u64, &str); 3] = [(Fs::Ext4, 96, "copy"), (Fs::Xfs, 320, "reflink"), (Fs::Btrfs, 320, "subvolume")];

/// Runs `test` with a root on each file system.
pub(crate) fn everywhere(test: impl Fn(&Sandbox, Fs, &str)) {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return skip("the peer has no snapshots");
    }
    for (fs, mib, method) in PLACES {
        let disk = Disk::new(fs, mib);
        let s = Sandbox::on(STEAD, disk.path());
        test(&s, fs, method);
    }
}

pub(crate) fn sh(dir: &Path, script: &str) -> String {
    Command::new("sh").args(["-ec", script]).dir(dir).run().ok().text()
}

/// One of everything that a file system can hold.
pub(crate) const EVERYTHING: &str = "
    mkdir -m 0750 sub; echo text >sub/file; chown 1234:4321 sub sub/file; chmod 4711 sub/file
    ln sub/file sub/second; ln sub/file third; ln -s sub/file link; ln -s /nowhere dangling; chown -h 7:8 link
    mkfifo -m 0640 pipe; mknod device c 1 7; mknod disk b 7 99
    truncate -s 5M sparse; printf middle | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
    : >empty; head -c 300000 /dev/urandom >random; mkdir -p deep/a/b/c/d; echo deep >deep/a/b/c/d/f
    setfattr -n user.note -v remark random; setfattr -n user.dir -v remark sub
    setfattr -n trusted.hidden -v 1 empty; setfacl -m u:55:rw random; setfacl -d -m g:66:rx sub
    printf x >'new
line'; echo twin >twin1; echo twin >twin2; touch -d 2001-02-03T04:05:06 twin1 twin2
    touch -h -d 1999-01-02T03:04:05.123456789 link random sub/file; touch -d 1998-07-06T05:04:03.2 sub deep .";

/// Everything there is to know of a tree but the inode numbers.
pub(crate) fn picture(dir: &Path) -> String {
    let mut seen = sh(
        dir,
        "find . -printf '%P|%y|%m|%U:%G|%T@|%l|' -exec stat -c '%t,%T' {} ';' | sort
         find . -type f -printf '%P|%s\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum
         find . -print0 | sort -z | xargs -0 getfattr -h -d -m - 2>/dev/null | grep -v '^$'
         find . ! -type l -print0 | sort -z | xargs -0 getfacl -n 2>/dev/null | grep -v '^$'",
    );
    write!(seen, "{}", sh(dir, "stat -c %b sparse 2>/dev/null | awk '{print ($1 < 2000) ? \"holes\" : \"full\"}'")).unwrap();
    seen
}

/// Which names are one file.
fn linked(dir: &Path) -> String {
    let script = r#"find . -links +1 ! -type d -printf '%i %P\n' | sort | awk '{ all[$1] = all[$1] "," $2 } END { for (i in all) print all[i] }' | sort"#;
    sh(dir, script)
}

/// Compares two pictures, and says where they differ.
#[track_caller]
pub(crate) fn same(seen: &str, wanted: &str, what: &str) {
    let differ: Vec<_> = seen.lines().zip(wanted.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(seen == wanted, "{what}: {differ:#?}");
}

#[test]
fn a_snapshot_has_everything_and_nothing_that_comes_later() {
    everywhere(|s, fs, method| {
        s.ok("volume create data");
        let data = s.data("data");
        sh(&data, EVERYTHING);
        let before = picture(&data);
        assert!(before.contains("holes") && before.contains("user.note") && before.contains("user:55:rw-"), "the scene is set: {before}");
        assert_eq!(s.ok("volume snapshot create --label why=test data first"), "data@first");
        assert_eq!(
            s.ok("volume inspect -f '{{.Status.SnapshotMethod}} {{.Status.Snapshots}}' data"),
            format!("{method} [first]"),
            "{fs:?}"
        );
        sh(
            &data,
            "echo more >>sub/file; rm random; echo new >new; chmod 0600 twin1; printf Y | dd of=sparse bs=1 conv=notrunc status=none",
        );
        let shown = s.x("volume snapshot inspect data first").ok().json()[0].take();
        assert_eq!((shown["Method"].as_str(), shown["Why"].as_str()), (Some(method), Some("manual")));
        assert_eq!(shown["Labels"]["why"], "test");
        same(&picture(Path::new(shown["Mountpoint"].as_str().unwrap())), &before, &format!("{fs:?}"));
        assert!(shown["Entries"].as_u64().unwrap() > 20 && shown["Size"].as_u64().unwrap() > 5 << 20, "{shown}");
        // A clone of it is the same, and of its own.
        let links = ",sub/file,sub/second,third".to_owned();
        let after = picture(&data);
        assert_eq!(s.ok("volume clone data@first copy"), "copy");
        same(&picture(&s.data("copy")), &before, &format!("{fs:?}"));
        assert_eq!(
            (linked(&data), linked(&s.data("copy"))),
            (links.clone(), links.clone()),
            "{fs:?}: hard links are kept, and no others made"
        );
        assert_eq!(s.ok("volume clone data now"), "now");
        same(&picture(&s.data("now")), &after, &format!("{fs:?}"));
        sh(&s.data("copy"), "echo mine >twin1; rm -r deep; echo changed >third");
        assert_eq!(std::fs::read_to_string(s.data("copy").join("twin2")).unwrap(), "twin\n", "{fs:?}: equal files are not one file");
        same(&picture(&data), &after, &format!("{fs:?}"));
        same(&picture(Path::new(shown["Mountpoint"].as_str().unwrap())), &before, &format!("{fs:?}"));
        // And back.
        let kept = s.ok("volume rollback data@first");
        same(&picture(&data), &before, &format!("{fs:?}"));
        assert_eq!(linked(&data), links, "{fs:?}");
        assert_eq!(s.ok(&format!("volume rollback {kept}")).split('@').next(), Some("data"));
        same(&picture(&data), &after, &format!("{fs:?}"));
        s.ok("volume rm data copy now");
        s.ok("volume trash empty -f");
        s.eventually("the trash is swept, read-only snapshots too", || {
            let left = names(&s.root().join("volumes/.trash"));
            left.iter().all(|name| name.starts_with('.'))
        });
        assert_eq!(s.ok("system check"), "Nothing is wrong.");
        if fs == Fs::Btrfs {
            let left = Command::new("btrfs").args(["subvolume", "list"]).arg(s.root()).run().ok().text();
            assert_eq!(left, "", "no subvolume stays");
        }
    });
}

#[test]
fn names_are_checked_listed_and_removed() {
    everywhere(|s, _fs, method| {
        s.ok("volume create data");
        std::fs::write(s.data("data").join("f"), "1").unwrap();
        for bad in ["''", ".x", "..", "a/b", "-x", "a@b"] {
            let out = s.x(&format!("volume snapshot create data -- {bad}"));
            assert_ne!(out.code, 0, "{bad}: {out}");
        }
        assert!(s.fails(1, "volume snapshot create nix").contains("get nix: no such volume"));
        assert_eq!(s.ok("volume snapshot ls -q data"), "");
        s.ok("volume snapshot create data b");
        s.ok("volume snapshot create data@a");
        let timed = s.ok("volume snapshot create data");
        assert!(timed.starts_with("data@20") && timed.ends_with('Z'), "{timed}");
        assert!(s.fails(1, "volume snapshot create data b").contains("snapshot b already exists"));
        assert_eq!(s.ok("volume snapshot ls -q data"), format!("data@b\ndata@a\n{timed}"));
        assert_eq!(s.ok("volume snapshot ls -q"), s.ok("volume snapshot ls -q data"));
        let json = s.ok("volume snapshot ls --format json data");
        assert!(json.lines().count() == 3 && json.contains(&format!("\"Method\":\"{method}\"")), "{json}");
        assert!(s.fails(1, "volume snapshot inspect data@nix").contains("no such snapshot"));
        assert!(s.fails(1, "volume snapshot rm data").contains("names a volume and no snapshot"));
        assert_eq!(s.ok("volume snapshot rm data b"), "b".replace('b', "data@b"));
        let out = s.x(&format!("volume snapshot rm data@a data@nix {timed}"));
        assert!(out.code == 1 && out.stderr.contains("no such snapshot"), "{out}");
        assert_eq!(s.ok("volume snapshot ls -q data"), "");
        assert_eq!(names(&s.data("data")), ["f"]);
        let events = s.ok("events --since 1h --until 0s --filter type=volume --format '{{.Action}}'");
        assert_eq!(events.lines().filter(|line| *line == "snapshot").count(), 3, "{events}");
        assert_eq!(events.lines().filter(|line| *line == "snapshot-remove").count(), 3, "{events}");
    });
}

#[test]
fn a_rollback_waits_for_nobody_who_runs() {
    everywhere(|s, fs, _method| {
        s.load("busybox");
        s.ok("run --name cc -v data:/d busybox sh -c 'echo one >/d/f'");
        s.ok("volume snapshot create data one");
        s.ok("run -d --name dd -v data:/d busybox sh -c 'echo two >/d/f; sleep 1000'");
        s.eventually("it wrote", || std::fs::read_to_string(s.data("data").join("f")).is_ok_and(|text| text == "two\n"));
        let refused = s.fails(1, "volume rollback data@one");
        assert!(refused.contains("rollback data: volume is in use") && refused.contains("stop these containers first"), "{refused}");
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "two\n");
        assert_eq!(s.ok("volume snapshot ls -q data"), "data@one", "nothing is kept for what was refused");
        // A clone of what is used goes by way of a snapshot that does not stay.
        s.ok("volume clone data used");
        assert_eq!(std::fs::read_to_string(s.data("used").join("f")).unwrap(), "two\n");
        assert_eq!(s.ok("volume snapshot ls -q data"), "data@one", "{fs:?}");
        s.ok("stop -t 0 dd");
        let kept = s.ok("volume rollback data@one");
        assert!(kept.starts_with("data@before-rollback-20"), "{kept}");
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "one\n");
        assert_eq!(
            s.ok("volume snapshot ls --format '{{.Name}}: {{.Why}}' data").lines().last().unwrap().split(": ").nth(1),
            Some("before-rollback")
        );
        // Both containers, stopped, find what was rolled back to.
        assert_eq!(s.ok("run --rm -v data:/d busybox cat /d/f"), "one");
        s.ok("start dd");
        s.eventually("it wrote again", || std::fs::read_to_string(s.data("data").join("f")).is_ok_and(|text| text == "two\n"));
        s.ok("rm -f cc dd");
    });
}

/// What a rollback or a clone brought is never taken for a new volume, whatever the image has there.
#[test]
fn no_image_fills_what_was_rolled_back_or_cloned() {
    everywhere(|s, fs, _method| {
        s.load("layers");
        s.ok("volume create --label keep=1 data");
        s.ok("volume snapshot create data empty");
        // It is populated on every file system, whether its directory is a subvolume or not.
        let ls = |volume: &str| s.ok(&format!("run --rm -v {volume}:/vol --entrypoint '' layers ls -A /vol"));
        assert_eq!(ls("data"), "link\nseed", "{fs:?}");
        assert_eq!(names(&s.data("data")), ["link", "seed"], "{fs:?}");
        let meta = sh(&s.data("data"), "stat -c %a:%u:%g seed");
        assert_eq!(meta, "750:1234:4321");
        s.ok("volume rollback data@empty");
        assert_eq!(ls("data"), "", "{fs:?}: rolled back");
        s.ok("volume clone data@empty none");
        assert_eq!(ls("none"), "", "{fs:?}: cloned");
        s.ok("volume create fresh");
        s.ok("volume snapshot create fresh empty");
        s.ok("volume rollback fresh@empty");
        assert_eq!(ls("fresh"), "", "{fs:?}: rolled back before it was ever used");
        assert_eq!(s.ok("volume inspect -f '{{index .Labels \"keep\"}} {{.Status.CloneOf}}' none"), "1 data@empty");
        assert_eq!(s.ok("volume inspect -f '{{index .Labels \"keep\"}}' data"), "1");
        s.ok("system check");
    });
}

#[test]
fn a_clone_has_its_own_name_and_nobody_elses() {
    everywhere(|s, _fs, _method| {
        s.ok("volume create --label com.docker.compose.project=shop --label tier=db data");
        std::fs::write(s.data("data").join("f"), "1").unwrap();
        assert!(s.fails(1, "volume clone data data").contains("a volume named data exists already"));
        assert!(s.fails(1, "volume clone data .x").contains("invalid characters"));
        assert!(s.fails(1, "volume clone data@nix new").contains("no such snapshot"));
        assert!(s.fails(1, "volume clone nix new").contains("no such volume"));
        assert_eq!(s.ok("volume ls -q"), "data");
        s.ok("volume clone --label by=me data new");
        let labels = s.x("volume inspect new").ok().json()[0]["Labels"].take();
        assert_eq!(labels, serde_json::json!({"by": "me", "tier": "db"}), "a clone is not the project's");
        s.ok("volume rm data new");
    });
}

#[test]
fn a_plain_directory_on_btrfs_is_cloned_file_by_file() {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return skip("the peer has no snapshots");
    }
    let disk = Disk::new(Fs::Btrfs, 320);
    let s = Sandbox::on(STEAD, disk.path());
    // As from before there were subvolumes, or put there by hand.
    s.ok("volume create first");
    std::fs::create_dir_all(s.data("old")).unwrap();
    sh(&s.data("old"), EVERYTHING);
    let before = picture(&s.data("old"));
    assert_eq!(s.ok("volume inspect -f '{{.Status.SnapshotMethod}}' old"), "reflink");
    s.ok("volume snapshot create old one");
    sh(&s.data("old"), "rm -r sub");
    s.ok("volume rollback old@one");
    same(&picture(&s.data("old")), &before, "here");
    assert_eq!(s.ok("volume inspect -f '{{.Status.SnapshotMethod}}' old"), "subvolume", "the next ones take milliseconds");
    s.ok("volume snapshot create old two");
    assert_eq!(s.ok("volume snapshot ls --format '{{.Method}}' old"), "reflink\nreflink\nsubvolume");
    // A subvolume inside would be an empty directory in a snapshot of its own kind.
    Command::new("btrfs").args(["subvolume", "create"]).arg(s.data("old").join("inner")).run().ok();
    std::fs::write(s.data("old").join("inner/f"), "inside").unwrap();
    s.ok("volume snapshot create old three");
    assert_eq!(s.ok("volume snapshot inspect -f '{{.Method}}' old@three"), "reflink");
    let three = s.ok("volume snapshot inspect -f '{{.Mountpoint}}' old@three");
    assert_eq!(std::fs::read_to_string(Path::new(&three).join("inner/f")).unwrap(), "inside");
    s.ok("volume rm old first");
    s.ok("volume trash empty -f");
    s.eventually("subvolumes inside of others are deleted too", || {
        Command::new("btrfs").args(["subvolume", "list"]).arg(s.root()).run().ok().text().is_empty()
    });
}

#[test]
fn volumes_on_devices_and_in_memory() {
    everywhere(|s, fs, _method| {
        s.load("busybox");
        let (_file, device) = Disk::device(Fs::Ext4, 32);
        s.ok(&format!("volume create -o type=ext4 -o device={} dev", device.path().display()));
        s.ok("run --rm -v dev:/d busybox sh -c 'echo one >/d/f'");
        s.ok("volume snapshot create dev one");
        s.ok("run --rm -v dev:/d busybox sh -c 'echo two >/d/f'");
        let held = s.ok("run -d -v dev:/d busybox sleep 1000");
        s.ok("volume snapshot create dev two");
        s.ok(&format!("rm -f {held}"));
        for snapshot in ["one", "two"] {
            let at = s.ok(&format!("volume snapshot inspect -f '{{{{.Mountpoint}}}}' dev@{snapshot}"));
            assert_eq!(std::fs::read_to_string(Path::new(&at).join("f")).unwrap(), format!("{snapshot}\n"), "{fs:?}");
        }
        let refused = s.fails(1, "volume rollback dev@one");
        assert!(refused.contains("lies on a device") && refused.contains("volume clone dev@one NEW"), "{refused}");
        s.ok("volume clone dev@one plain");
        assert_eq!(s.ok("run --rm -v plain:/d busybox cat /d/f"), "one");
        assert_eq!(s.ok("volume inspect -f '{{.Options}}' plain"), "map[]");
        s.ok("volume create -o type=tmpfs -o device=tmpfs mem");
        let nothing = s.fails(1, "volume snapshot create mem");
        assert!(nothing.contains("lies in memory and no container uses it"), "{nothing}");
        let held = s.ok("run -d -v mem:/d busybox sh -c 'echo ram >/d/f; sleep 1000'");
        s.eventually("it wrote", || s.data("mem").join("f").exists());
        s.ok("volume snapshot create mem kept");
        s.ok(&format!("rm -f {held}"));
        let at = s.ok("volume snapshot inspect -f '{{.Mountpoint}}' mem@kept");
        assert_eq!(std::fs::read_to_string(Path::new(&at).join("f")).unwrap(), "ram\n");
        s.ok("volume rm dev mem plain");
        s.ok("system check");
    });
}

#[test]
fn a_damaged_note_hides_no_snapshot() {
    everywhere(|s, fs, method| {
        s.ok("volume create data");
        std::fs::write(s.data("data").join("f"), "kept").unwrap();
        s.ok("volume snapshot create data one");
        s.ok("volume snapshot create data two");
        let home = s.root().join("volumes/data/snapshots");
        std::fs::write(home.join("one/snapshot.json"), "{ garbage").unwrap();
        std::fs::remove_file(home.join("two/snapshot.json")).unwrap();
        let mut listed = s.ok("volume snapshot ls -q data").lines().map(str::to_owned).collect::<Vec<_>>();
        listed.sort();
        assert_eq!(listed, ["data@one", "data@two"]);
        let check = s.x("system check");
        assert!(check.code != 0 && format!("{check}").contains("its snapshot.json is"), "{check}");
        s.ok("system check --repair");
        s.ok("system check");
        // What only an interrupted clone wanted does not stay.
        s.ok("volume snapshot create data three");
        let note = home.join("three/snapshot.json");
        let said = std::fs::read_to_string(&note).unwrap();
        assert!(said.contains("\"why\": \"manual\""), "{said}");
        std::fs::write(&note, said.replace("\"manual\"", "\"clone\"")).unwrap();
        let check = s.x("system check");
        assert!(check.code != 0 && format!("{check}").contains("taken for a clone that was interrupted"), "{check}");
        assert!(s.ok("volume snapshot ls -q data").contains("data@three"), "a look changes nothing");
        s.ok("system check --repair");
        assert!(!s.ok("volume snapshot ls -q data").contains("three"));
        s.ok("system check");
        std::fs::write(s.data("data").join("f"), "changed").unwrap();
        s.ok("volume rollback data@one");
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "kept", "{fs:?}");
        let methods = s.ok("volume snapshot ls --format '{{.Name}} {{.Method}}' data");
        assert!(methods.contains(&format!("two {method}")) || method == "copy", "{methods}");
    });
}
