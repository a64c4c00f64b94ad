//! `volume diff` and `volume scrub`, on each kind of file system and method; damage is done to the disk below it.
use crate::api::Server;
use crate::scene::{STEAD, names};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use stead_testkit::{Command, Disk, Fs, Sandbox, skip};

const PLACES: [(Fs, u64); 3] = [(Fs::Ext4, 96), (Fs::Xfs, 320), (Fs::Btrfs, 320)];

fn everywhere(test: impl Fn(&Sandbox, &Disk, Fs)) {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        return skip("the peer has no snapshots");
    }
    for (fs, mib) in PLACES {
        let disk = Disk::new(fs, mib);
        let s = Sandbox::on(STEAD, disk.path());
        test(&s, &disk, fs);
    }
}

fn sh(dir: &Path, script: &str) {
    Command::new("sh").args(["-ec", script]).dir(dir).run().ok();
}

/// Old enough that times prove something.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(2200));
}

const BEFORE: &str = "
    mkdir d e; for n in 1 2 3 4 5 6 7 8 9; do echo same$n >d/same$n; done; echo a >content; echo b >mode; echo c >owner; echo d >attr; echo e >gone
    echo f >kind; ln -s one link; mknod dev c 1 3; mknod null c 1 3; mkfifo pipe; echo g >'sp ace'; echo hid >d/hidden; echo t >e/touched; echo s >size
    mkdir deep; echo x >deep/x; echo renamed >d/old";
const CHANGE: &str = "
    echo A >content; chmod 0600 mode; chown 12:34 owner; setfattr -n user.n -v 1 attr; rm gone; rm kind; mkdir kind; ln -sfn two link; rm dev
    mknod dev c 1 5; echo new >e/new; echo longer >size; rm -r deep; mv d/old d/renamed; touch -d 2001-01-01 e/touched
    touch -r d/hidden /var/tmp/stead-scrub-ref-$$; echo HID >d/hidden; touch -r /var/tmp/stead-scrub-ref-$$ d/hidden; rm /var/tmp/stead-scrub-ref-$$";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn diff_names_every_change_and_what_it_is() {
    everywhere(|s, _disk, fs| {
        s.ok("volume create data");
        assert!(s.fails(1, "volume diff data").contains("no such snapshot"), "{fs:?}");
        let data = s.data("data");
        sh(&data, BEFORE);
        settle();
        s.ok("volume snapshot create data a");
        assert_eq!(s.ok("volume diff data@a"), "", "{fs:?}");
        sh(&data, CHANGE);
        let now = s.ok("volume diff data@a");
        let wanted = "C /\nC /attr\nC /content\nC /d\nC /d/hidden\nD /d/old\nA /d/renamed\nD /deep\nD /deep/x\nC /dev\nC /e\nA /e/new\nC /e/touched\n\
                      D /gone\nC /kind\nC /link\nC /mode\nC /owner\nC /size";
        assert_eq!(lines(&now), lines(wanted), "{fs:?}");
        assert_eq!(s.ok("volume diff data"), now, "the newest one");
        settle();
        s.ok("volume snapshot create data b");
        for typed in ["data@a @b", "data@a data@b", "data@a b"] {
            assert_eq!(s.ok(&format!("volume diff {typed}")), now, "{fs:?} {typed}");
        }
        assert_eq!(s.ok("volume diff data@b"), "", "{fs:?}");
        let back = s.ok("volume diff data@b @a");
        assert_eq!(back, now.replace("D /", "? /").replace("A /", "D /").replace("? /", "A /"), "{fs:?}");
        let what: BTreeMap<String, String> = s
            .ok("volume diff --format json data@a @b")
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|change| (change["Path"].as_str().unwrap().to_owned(), change["What"].as_str().unwrap().to_owned()))
            .collect();
        for (path, wanted) in [
            ("/content", "content,mtime"),
            ("/d/hidden", "content"),
            ("/mode", "mode"),
            ("/owner", "owner"),
            ("/attr", "xattrs"),
            ("/kind", "kind"),
            ("/e/touched", "mtime"),
            ("/size", "content,mtime"),
            ("/gone", ""),
        ] {
            assert_eq!(what[path], wanted, "{fs:?} {path}");
        }
        assert!(what["/link"].contains("target") && what["/dev"].contains("device"), "{fs:?} {what:?}");
        s.ok("volume rollback data@a");
        assert_eq!(s.ok("volume diff data@a"), "", "{fs:?}: what came back is the same");
        s.ok("volume scrub --record data");
        assert_eq!(s.ok("volume diff data@a @b"), now, "{fs:?}: with manifests too");
    });
}

#[test]
fn diff_reads_nothing_that_is_proved() {
    everywhere(|s, disk, fs| {
        if fs == Fs::Xfs {
            // A clone of a file has an inode of its own, and nothing says that it is one.
            return;
        }
        s.ok("volume create data");
        let data = s.data("data");
        std::fs::write(data.join("big"), vec![5; 20 << 20]).unwrap();
        std::fs::write(data.join("small"), "1").unwrap();
        settle();
        s.ok("volume snapshot create data a");
        std::fs::write(data.join("small"), "2").unwrap();
        let command = s.cli().args(["volume", "diff", "data@a"]);
        let trace = disk.path().join("trace");
        let traced = command.clone().wrapped("strace", &["-f", "-qq", "-y", "-e", "trace=pread64", "-o", &trace.to_string_lossy()]);
        assert_eq!(traced.run().ok().text().trim(), "C /small");
        let read = std::fs::read_to_string(&trace).unwrap();
        assert!(!read.contains("/big") && read.contains("/small"), "{fs:?}: {read}");
    });
}

/// Where on the disk some bytes are.
fn places_of(image: &Path, marker: &[u8]) -> Vec<u64> {
    let mut file = std::fs::File::open(image).unwrap();
    let mut found = Vec::new();
    let mut before = vec![0; marker.len()];
    let mut at = 0u64;
    let mut block = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut block).unwrap();
        if n == 0 {
            return found;
        }
        let joined = [&before[..], &block[..n]].concat();
        for start in joined.windows(marker.len()).enumerate().filter(|(_, w)| *w == marker).map(|(start, _)| start) {
            found.push(at + u64::try_from(start).unwrap() - u64::try_from(marker.len()).unwrap());
        }
        before = joined[joined.len() - marker.len()..].to_vec();
        at += u64::try_from(n).unwrap();
    }
}

#[test]
fn scrub_names_what_was_flipped_on_the_disk() {
    everywhere(|s, disk, fs| {
        s.ok("volume create data");
        let data = s.data("data");
        // Not compressible, found nowhere else, longer than what is kept in an inode.
        let marker = b"stead-scrub-marker-7c1f0d";
        let mut content = vec![b'.'; 200_000];
        content[100_000..100_000 + marker.len()].copy_from_slice(marker);
        std::fs::create_dir(data.join("d")).unwrap();
        std::fs::write(data.join("d/victim"), &content).unwrap();
        for n in 0..20 {
            std::fs::write(data.join(format!("d/other{n}")), vec![b'o'; 5000]).unwrap();
        }
        s.ok("volume snapshot create data a");
        let first = s.ok("volume scrub data@a");
        let noted = if fs == Fs::Ext4 { "sound" } else { "recorded" };
        assert!(first.starts_with(&format!("data@a: {noted} (")), "{fs:?}: {first}");
        let sound = s.ok("volume scrub data");
        assert!(sound.starts_with("data@a: sound ("), "{fs:?}: {sound}");
        assert_eq!(s.ok("volume scrub --all --quiet"), "");
        // The live file is changed before, so that only the snapshot has those blocks.
        std::fs::write(data.join("d/victim"), "live").unwrap();
        Command::new("sync").run().ok();
        let image = disk.path().parent().unwrap().join("image");
        let places = places_of(&image, marker);
        assert!(!places.is_empty(), "{fs:?}: the marker is on the disk");
        let mut raw = std::fs::OpenOptions::new().write(true).open(&image).unwrap();
        for place in places {
            raw.seek(SeekFrom::Start(place)).unwrap();
            raw.write_all(b"STEAD").unwrap();
        }
        raw.sync_all().unwrap();
        drop(raw);
        let out = s.x("volume scrub data@a");
        assert!(out.code == 1 && out.stdout.starts_with(b"data@a: damaged ("), "{fs:?}: {out}");
        let text = out.text();
        assert!(text.contains("/d/victim: ") && text.lines().count() == 2, "{fs:?}: only the damaged path is named: {text}");
        let out = s.x("volume scrub --format json --all");
        let found: serde_json::Value = serde_json::from_str(out.text().trim()).unwrap();
        assert_eq!(
            (out.code, found["Status"].as_str(), found["Damage"][0]["Path"].as_str()),
            (1, Some("damaged"), Some("/d/victim")),
            "{fs:?}"
        );
        // A damaged object is not taken over by the next snapshot, which is sound.
        std::fs::write(data.join("d/victim"), &content).unwrap();
        s.ok("volume snapshot create data b");
        assert_eq!(s.x("volume scrub data@b").code, 0, "{fs:?}");
        let events =
            s.ok("events --since 1h --until 0s --filter type=volume --filter event=scrub --format '{{.Actor.Attributes.damaged}}'");
        assert!(events.lines().any(|line| line == "1") && events.lines().any(|line| line == "0"), "{events}");
    });
}

#[test]
fn scrub_tells_of_everything_that_a_hand_did() {
    everywhere(|s, _disk, fs| {
        s.ok("volume create data");
        sh(&s.data("data"), BEFORE);
        s.ok("volume snapshot create data a");
        s.ok("volume scrub --record data@a");
        let home = s.root().join("volumes/data/snapshots/a");
        let tree = home.join("_data");
        if fs == Fs::Btrfs {
            Command::new("btrfs").args(["property", "set", "-ts"]).arg(&tree).args(["ro", "false"]).run().ok();
        }
        sh(
            &tree,
            "rm gone; echo new >e/new; chmod 0600 mode; setfattr -n user.n -v 1 attr; ln -sfn two link; cp --remove-destination owner content
             chown 5:6 owner",
        );
        let out = s.x("volume scrub data@a");
        assert_eq!(out.code, 1, "{fs:?}: {out}");
        let text = out.text();
        for wanted in [
            "/gone: it is missing",
            "/e/new: it is not in the manifest",
            "/mode: its mode changed",
            "/attr: its extended attributes changed",
        ] {
            assert!(text.contains(wanted), "{fs:?} {wanted}: {text}");
        }
        assert!(text.contains("/content: its content is not what it was") && text.contains("/owner: its owner changed"), "{fs:?}: {text}");
        assert!(!text.contains("/d/same1"), "{fs:?}: {text}");
        // The manifest itself.
        let manifest = home.join("manifest");
        let mut bytes = std::fs::read(&manifest).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&manifest, bytes).unwrap();
        let out = s.x("volume scrub data@a");
        assert!(out.code == 1 && out.text().contains("manifest: the manifest is damaged"), "{fs:?}: {out}");
        assert!(s.ok("volume scrub --record data@a").contains("recorded"), "{fs:?}");
        assert!(s.ok("volume scrub data@a").contains("sound"), "{fs:?}");
        assert!(s.fails(1, "volume scrub").contains("--all"));
        assert!(s.fails(1, "volume scrub data@nix").contains("no such snapshot"));
        assert!(s.fails(1, "volume scrub nix").contains("no such volume"));
    });
}

fn objects(s: &Sandbox) -> Vec<PathBuf> {
    let store = s.root().join("volumes/.objects");
    let shards = names(&store).into_iter().filter(|name| name.len() == 2);
    shards
        .flat_map(|shard| names(&store.join(&shard)).into_iter().map(move |name| PathBuf::from(&shard).join(name)))
        .map(|p| store.join(p))
        .collect()
}

#[test]
fn a_copying_snapshot_shares_what_did_not_change_and_gives_it_back() {
    let disk = Disk::new(Fs::Ext4, 96);
    let s = Sandbox::on(STEAD, disk.path());
    s.ok("volume create data");
    let data = s.data("data");
    for n in 0..50 {
        std::fs::write(data.join(format!("f{n}")), format!("file {n}").repeat(500)).unwrap();
    }
    s.ok("volume snapshot create data a");
    assert_eq!(objects(&s).len(), 50);
    std::fs::write(data.join("f7"), "changed").unwrap();
    s.ok("volume snapshot create data b");
    assert_eq!(objects(&s).len(), 51);
    let ino =
        |snapshot: &str, file: &str| s.root().join(format!("volumes/data/snapshots/{snapshot}/_data/{file}")).metadata().unwrap().ino();
    assert_eq!(ino("a", "f1"), ino("b", "f1"));
    assert_ne!(ino("a", "f1"), data.join("f1").metadata().unwrap().ino(), "never the live file");
    assert_ne!(ino("a", "f7"), ino("b", "f7"));
    s.ok("volume snapshot rm data@a");
    s.eventually("what only the first one had is collected", || objects(&s).len() == 50);
    assert_eq!(s.x("volume scrub data").code, 0);
    s.ok("volume rm --now data");
    s.eventually("all is collected", || objects(&s).is_empty());
}

#[test]
fn the_api_has_both() {
    let s = Sandbox::new(STEAD);
    s.ok("volume create data");
    std::fs::write(s.data("data").join("f"), "1").unwrap();
    s.ok("volume snapshot create data a");
    std::fs::write(s.data("data").join("f"), "22").unwrap();
    std::fs::write(s.data("data").join("new"), "").unwrap();
    let server = Server::start(&s);
    let changes = server.get("/v1.50/stead/volumes/data/changes?from=a").is(200).json();
    assert_eq!(changes["Changes"][1]["Path"], "/f", "{changes}");
    assert_eq!((changes["Changes"][1]["Kind"].as_u64(), changes["Changes"][2]["Kind"].as_u64()), (Some(0), Some(1)), "{changes}");
    let found = server.post("/v1.50/stead/volumes/data/scrub", &serde_json::json!({"Snapshot": "a"})).is(200).json();
    assert_eq!(found["Snapshots"][0]["Damage"], serde_json::json!([]), "{found}");
    server.get("/v1.50/stead/volumes/data/changes?from=nix").is(404);
}
