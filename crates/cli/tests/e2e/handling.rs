//! Into, out of and inside volumes without a container: `volume cp`, `ls VOL:PATH`, `cat`, `du`, `export`, `import`, `create --from`.
use crate::door::Door;
use crate::scene::{STEAD, beyond_the_peer, busybox, names};
use crate::snapshots::{EVERYTHING, everywhere, same, sh};
use std::path::Path;
use stead_testkit::{Command, Disk, Fs, Podman, Sandbox, hostile};

/// Everything but what no archive carries (`trusted.*` is the machine's), and a name that is not UTF-8.
fn fill(dir: &Path) {
    sh(dir, EVERYTHING);
    sh(
        dir,
        "setfattr -x trusted.hidden empty; touch \"$(printf 'caf\\351')\"; chown 70:71 .; chmod 0770 .; setfacl -m u:9:rx .; touch -d 2003-02-01 sub deep .",
    );
}

/// Everything there is to know of a tree; xfs shows access lists a second time.
fn picture(dir: &Path) -> String {
    crate::snapshots::picture(dir).lines().filter(|line| !line.starts_with("trusted.SGI_ACL")).map(|line| format!("{line}\n")).collect()
}

fn tar(args: &str, dir: &Path) -> Vec<u8> {
    let out = Command::new("sh").args(["-ec", &format!("tar --xattrs --acls {args}")]).dir(dir).run().ok();
    out.stdout.clone()
}

#[test]
fn an_exported_volume_comes_back_as_it_was() {
    everywhere(|s, fs, _| {
        s.ok("volume create data");
        fill(&s.data("data"));
        let wanted = picture(&s.data("data"));
        for file in ["a.tar", "b.tar", "c.tar.zst", "d.tar.gz"] {
            s.ok(&format!("volume export -o {file} data"));
            s.ok("volume create back");
            s.ok(&format!("volume import back {file}"));
            same(&picture(&s.data("back")), &wanted, &format!("{} {file}", fs.name()));
            s.ok("volume rm --now back");
            s.ok(&format!("volume create --from {file} back"));
            same(&picture(&s.data("back")), &wanted, &format!("{} create --from {file}", fs.name()));
            s.ok("volume rm --now back");
        }
        let bytes = |file: &str| std::fs::read(s.dir().join(file)).unwrap();
        assert_eq!(bytes("a.tar"), bytes("b.tar"), "the same content, the same bytes");
        assert!(bytes("a.tar").len() < 1_000_000, "holes are told, not carried: {}", bytes("a.tar").len());
        assert_eq!(s.x("volume export data").ok().stdout, bytes("a.tar"), "to standard output too");
        // The same by way of a snapshot, the one of today and the one that is taken for it.
        s.ok("volume snapshot create data one");
        s.ok("volume export -o e.tar data@one");
        s.ok("volume export --snapshot -o f.tar data");
        assert_eq!(s.ok("volume snapshot ls -q data"), "data@one", "the other is gone");
        for file in ["e.tar", "f.tar"] {
            assert!(bytes(file) == bytes("a.tar"), "{} {file}", fs.name());
        }
        s.ok("system check");
    });
}

#[test]
fn gnu_tar_reads_what_is_exported_and_writes_what_is_imported() {
    let Some(s) = beyond_the_peer("volume import") else { return };
    s.ok("volume create data");
    fill(&s.data("data"));
    let wanted = picture(&s.data("data"));
    s.ok("volume export -o a.tar data");
    let out = s.mkdir("out");
    tar("-xpf ../a.tar --xattrs-include='*' --numeric-owner", &out);
    same(&picture(&out), &wanted, "GNU tar read it");
    for (format, options) in [("sparse 1.0", "-S"), ("sparse 0.0", "-S --sparse-version=0.0"), ("whole files", "")] {
        let made = tar(&format!("--format=pax {options} -cf - --xattrs-include='*' ."), &s.data("data"));
        std::fs::write(s.dir().join("made.tar"), made).unwrap();
        s.ok("volume create back");
        s.ok("volume import back made.tar");
        same(&picture(&s.data("back")), &wanted, &format!("GNU tar wrote it: {format}"));
        s.ok("volume rm --now back");
    }
}

#[test]
fn podman_and_we_read_each_others_exports() {
    let Some(s) = beyond_the_peer("volume import") else { return };
    let Some(podman) = Podman::new() else { return };
    s.ok("volume create data");
    sh(
        &s.data("data"),
        "mkdir -m 0750 sub; echo text >sub/f; chown 1234:4321 sub sub/f; ln sub/f hard; ln -s sub/f link; chmod 4711 sub/f; touch -d 2001-02-03 sub/f; truncate -s 2M sparse",
    );
    let seen = |dir: &Path| {
        sh(dir, "find . -mindepth 1 -printf '%P|%y|%m|%U:%G|%l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum")
    };
    let wanted = seen(&s.data("data"));
    s.ok("volume export -o ours.tar data");
    let ours = s.dir().join("ours.tar");
    podman.cli().args(["volume", "create", "theirs"]).run().ok();
    podman.cli().args(["volume", "import", "theirs"]).arg(&ours).run().ok();
    let there = podman.cli().args(["volume", "inspect", "-f", "{{.Mountpoint}}", "theirs"]).run().ok().text();
    assert_eq!(seen(Path::new(there.trim())), wanted, "podman has what we exported");
    let file = s.dir().join("theirs.tar");
    podman.cli().args(["volume", "export", "-o"]).arg(&file).arg("theirs").run().ok();
    s.ok("volume create back");
    s.ok("volume import back theirs.tar");
    assert_eq!(seen(&s.data("back")), wanted, "and we what podman exported");
}

#[test]
fn files_are_larger_than_the_old_headers_know() {
    let Some(s) = beyond_the_peer("volume export") else { return };
    s.ok("volume create data");
    sh(&s.data("data"), "truncate -s 9G huge; printf end | dd of=huge bs=1 seek=9000000000 conv=notrunc status=none");
    s.ok("volume export -o a.tar data");
    assert!(std::fs::metadata(s.dir().join("a.tar")).unwrap().len() < 1 << 20);
    assert!(String::from_utf8_lossy(&tar("-tvf a.tar", s.dir())).contains("9663676416"), "GNU tar knows its size");
    s.ok("volume create --from a.tar back");
    assert_eq!(
        sh(
            &s.data("back"),
            "stat -c %s huge; dd if=huge bs=1 skip=9000000000 count=3 status=none; stat -c %b huge | awk '{print ($1 < 1000) ? \"holes\" : \"full\"}'"
        ),
        "9663676416\nendholes"
    );
}

#[test]
fn importing_is_all_or_nothing() {
    everywhere(|s, fs, _| {
        std::fs::write(s.dir().join("x.tar"), hostile::honest(&[("./", ""), ("new", "new"), ("sub/", ""), ("sub/f", "deep")])).unwrap();
        s.ok("volume create --label a=1 data");
        std::fs::write(s.data("data").join("old"), "old").unwrap();
        s.x("volume import data x.tar").exits(1).says("import data: the volume is not empty").says("--replace");
        assert_eq!(names(&s.data("data")), ["old"]);
        s.ok("volume import --merge data x.tar");
        assert_eq!(names(&s.data("data")), ["new", "old", "sub"]);
        // What is replaced can be had back.
        let told = s.x("volume import --replace data x.tar").ok().stderr;
        assert!(told.contains("volume undelete"), "{told}");
        assert_eq!(names(&s.data("data")), ["new", "sub"]);
        assert_eq!(s.ok("volume inspect -f '{{.Labels}}' data"), "map[a:1]");
        assert_eq!(s.ok("volume undelete data before"), "before");
        assert_eq!(names(&s.data("before")), ["new", "old", "sub"]);
        // One that is protected keeps what it has.
        s.ok("volume protect data");
        s.x("volume import --replace data x.tar").exits(1).says("protected");
        s.ok("volume unprotect data");
        // A cut archive, one that is none, one with more than fits.
        let whole = std::fs::read(s.dir().join("x.tar")).unwrap();
        for (what, bytes) in
            [("cut", &whole[..1024]), ("cut inside", &whole[..1300]), ("cut at the end", &whole[..whole.len() - 1024]), ("text", b"hello")]
        {
            std::fs::write(s.dir().join("bad"), bytes).unwrap();
            let out = s.x("volume import --replace data bad").exits(1);
            assert!(out.stderr.contains("archive"), "{what}: {out}");
            assert_eq!(names(&s.data("data")), ["new", "sub"], "{what} on {}", fs.name());
            s.x("volume create --from tar:bad none").exits(1);
            assert!(s.x("volume inspect none").code != 0, "{what}");
        }
        s.x("volume import nosuch x.tar").exits(1).says("get nosuch: no such volume");
        s.ok("system check");
        assert!(names(&s.root().join("volumes/.staging")).is_empty(), "nothing half done stays");
    });
}

#[test]
fn a_volume_in_use_is_only_merged_into() {
    let s = busybox();
    if s.is_docker() {
        return;
    }
    std::fs::write(s.dir().join("x.tar"), hostile::honest(&[("new", "new")])).unwrap();
    s.ok("run -d --name cc --network none -v data:/d busybox sleep 600");
    for how in ["", "--replace "] {
        s.x(&format!("volume import {how}data x.tar")).exits(1).says("import data: volume is in use").says("stop these containers");
    }
    s.ok("volume import --merge data x.tar");
    assert_eq!(s.ok("exec cc cat /d/new"), "new");
    s.ok("stop -t 0 cc");
    s.ok("volume import --replace data x.tar");
    s.ok("start cc");
    assert_eq!(s.ok("exec cc cat /d/new"), "new", "it starts with what was imported");
    // A device has no other directory to exchange: file after file.
    s.ok("volume create -o type=tmpfs -o device=tmpfs memory");
    s.x("volume import memory x.tar").exits(1).says("lies on a device").says("--merge");
    s.ok("volume create -o type=none -o o=bind -o device=/var/tmp bound");
    s.x("volume create --from x.tar -o type=tmpfs -o device=tmpfs other").exits(1).says("lies on a device");
}

#[test]
fn an_archive_that_is_a_bomb_is_refused_and_costs_nothing() {
    if beyond_the_peer("volume import").is_none() {
        return;
    }
    let disk = Disk::new(Fs::Ext4, 64);
    let s = Sandbox::on(STEAD, disk.path());
    s.ok("volume create data");
    let free = || sh(disk.path(), "df --output=avail -k . | tail -1").trim().parse::<u64>().unwrap();
    let before = free();
    // 100 MiB of zeros become a hole, and content that says so first is not even begun.
    let made = s.mkdir("made");
    sh(&made, "head -c 100M /dev/zero | tr '\\0' x >big; tar -cf ../big.tar.gz -z big");
    s.x("volume import data big.tar.gz").exits(1).says("more than there is room for");
    s.x("volume create --from big.tar.gz other").exits(1).says("more than there is room for");
    // Many small ones.
    sh(&made, "rm big; for i in 0 1 2 3 4 5 6; do head -c 8M /dev/urandom >$i; done; tar -cf ../many.tar .");
    s.x("volume import data many.tar").exits(1).says("more than there is room for");
    // More names than there are inodes.
    sh(&made, "rm *; mkdir d; cd d; seq 1 20000 | xargs touch; cd ..; tar -cf ../names.tar .");
    s.x("volume import data names.tar").exits(1);
    assert!(names(&s.data("data")).is_empty());
    s.ok("system check --repair");
    s.eventually("the space is given back", || free() + 2048 > before);
    // A merge is checked aside first.
    std::fs::write(s.data("data").join("mine"), "mine").unwrap();
    s.x("volume import --merge data many.tar").exits(1);
    assert_eq!(names(&s.data("data")), ["mine"]);
}

#[test]
fn a_volume_is_made_from_what_there_is() {
    everywhere(|s, fs, _| {
        s.load("layers");
        let source = s.mkdir("source");
        fill(&source);
        let wanted = picture(&source);
        assert_eq!(s.ok("volume create --label a=1 --from dir:./source dirs"), "dirs");
        // GNU's stat: a copy of a directory has the attributes of the machine, too.
        same(&picture(&s.data("dirs")), &wanted, fs.name());
        assert_eq!(s.ok("volume inspect -f '{{.Labels}}' dirs"), "map[a:1]");
        assert_eq!(s.ok("volume create --from image:layers:/vol images"), "images");
        assert_eq!(names(&s.data("images")), ["link", "seed"]);
        s.x("volume create --from image:layers:/nosuch none").exits(1).says("has no directory /nosuch");
        s.ok("volume snapshot create dirs one");
        assert_eq!(s.ok("volume create --from dirs@one --label b=2 clones"), "clones");
        same(&picture(&s.data("clones")), &wanted, "of a snapshot");
        s.x("volume create --from ./source dirs").exits(1).says("a volume named dirs exists already");
        s.x("volume create --from ./nosuch none").exits(1).says("./nosuch");
        s.x("volume create --from what none").exits(1).says("dir:PATH, tar:FILE");
        assert_eq!(s.ok("volume ls -q -f name=none"), "");
        // What has content is never populated again.
        s.ok("volume rm --now images");
        std::fs::create_dir(s.dir().join("empty")).unwrap();
        s.ok("volume create --from ./empty images");
        assert_eq!(s.ok("run --rm --network none -v images:/vol --entrypoint '' layers ls /vol"), "");
        s.ok("system check");
    });
}

#[test]
fn copies_between_volumes_containers_and_this_machine() {
    everywhere(|s, _, _| {
        s.load("busybox");
        let here = s.mkdir("here");
        sh(&here, "mkdir sub; echo f >f; echo deep >sub/g; ln -s f link; ln -s /etc/passwd out");
        s.ok("volume create data");
        s.ok("volume create other");
        s.ok("volume cp ./here/f data:/");
        s.ok("volume cp ./here data:/");
        s.ok("volume cp ./here data:/as");
        s.ok("volume cp ./here/. data:/as");
        assert_eq!(names(&s.data("data")), ["as", "f", "here"]);
        assert_eq!(names(&s.data("data").join("as")), ["f", "link", "out", "sub"]);
        s.x("volume cp ./here data:/f").exits(1).says("cannot copy directory");
        s.x("volume cp ./here/f data:/nosuch/").exits(1).says("no such directory");
        s.x("volume cp data:/nosuch .").exits(1).says("Could not find the file /nosuch in volume data");
        s.x("volume cp nosuch:/f .").exits(1).says("no such volume or container: nosuch");
        s.x("volume cp ./here/f ./x").exits(1).says("neither end is a volume");
        // Out: a link stays one, and with -L it leads only inside the volume.
        s.ok("volume cp data:/here/link ./link");
        assert!(s.dir().join("link").symlink_metadata().unwrap().is_symlink());
        s.ok("volume cp -L data:/here/link ./followed");
        assert_eq!(std::fs::read_to_string(s.dir().join("followed")).unwrap(), "f\n");
        s.x("volume cp -L data:/here/out ./passwd").exits(1).says("etc/passwd in volume data");
        // Volume to volume, under its name and under another.
        s.ok("volume cp data:/here/sub other:/");
        s.ok("volume cp data:/here/sub other:/renamed");
        s.ok("volume cp data:/here/. other:/all");
        assert_eq!(names(&s.data("other")), ["all", "renamed", "sub"]);
        assert_eq!(std::fs::read_to_string(s.data("other").join("renamed/g")).unwrap(), "deep\n");
        // As a tar, both ways.
        let tar = s.x("volume cp data:/here/sub -").ok().stdout;
        s.cli().args(["volume", "cp", "-", "other:/all"]).stdin(tar).run().ok();
        assert_eq!(names(&s.data("other").join("all/sub")), ["g"]);
        // A snapshot is read, not written.
        s.ok("volume snapshot create data one");
        sh(&s.data("data"), "echo later >f");
        s.ok("volume cp data@one:/f ./before");
        assert_eq!(std::fs::read_to_string(s.dir().join("before")).unwrap(), "f\n");
        assert_eq!(s.ok("volume cat data@one:/f"), "f");
        s.x("volume cp ./here/f data@one:/").exits(1).says("data@one is a snapshot");
        // Containers, and a name that two have.
        s.ok("create --name other --network none busybox");
        s.ok("create --name cc --network none busybox");
        s.ok("volume cp data:/here/sub cc:/tmp/");
        s.ok("volume cp cc:/tmp/sub data:/from-cc");
        assert_eq!(s.ok("volume cat data:from-cc/g"), "deep");
        s.x("volume cp ./here/f other:/").exits(1).says("volume:other:/ or container:other:/");
        s.ok("volume cp ./here/f volume:other:/by-prefix");
        s.ok("volume cp volume:other:/by-prefix container:other:/tmp/");
        assert!(s.data("other").join("by-prefix").is_file());
    });
}

#[test]
fn what_lies_in_a_volume_is_shown() {
    let s = busybox();
    if s.is_docker() {
        return;
    }
    s.ok("volume create data");
    sh(
        &s.data("data"),
        "mkdir -p sub/deep; head -c 100000 /dev/zero >sub/deep/f; ln sub/deep/f sub/g; mkfifo pipe; ln -s sub link; ln -s / rootlink; printf x >\"$(printf 'e\\033[31m')\"; touch \"$(printf 'caf\\351')\"; chmod 1777 sub; chown 5:6 pipe",
    );
    let listed = s.ok("volume ls data:/");
    assert!(listed.starts_with("MODE"), "{listed}");
    assert!(listed.contains("drwxrwxrwt") && listed.contains("link -> sub") && !listed.contains('\u{1b}'), "{listed}");
    assert_eq!(s.ok("volume ls -q data:sub"), "deep\ng");
    assert_eq!(s.ok("volume ls -q data:/link"), "deep\ng", "a link to a directory is the directory");
    assert!(s.ok("volume ls -q data:/rootlink").contains("sub"), "and stays in the volume");
    let rows: Vec<serde_json::Value> = s.ok("volume ls --format json data:/").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let pipe = rows.iter().find(|r| r["Name"] == "pipe").unwrap();
    assert_eq!((pipe["Type"].as_str(), pipe["UID"].as_str(), pipe["GID"].as_str()), (Some("fifo"), Some("5"), Some("6")));
    assert!(rows.iter().any(|r| r["NameHex"] == "636166e9"));
    s.x("volume cat data:/pipe").exits(1).says("/pipe is no regular file, but a fifo");
    s.x("volume cat data:/sub").exits(1).says("but a directory");
    s.x("volume cat data").exits(1).says("VOLUME:PATH");
    assert_eq!(s.x("volume cat data:/sub/g data:/link/g").ok().stdout.len(), 200_000);
    let used: Vec<serde_json::Value> =
        s.ok("volume du -d 2 --format json data").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |path: &str| used.iter().find(|r| r["Path"] == path).unwrap_or_else(|| panic!("{path}: {used:?}"));
    assert_eq!((of("/")["Bytes"].as_str(), of("/sub/deep")["Files"].as_str()), (Some("100001"), Some("1")), "{used:?}");
    assert_eq!(s.ok("volume du -d 0 data:/sub").lines().count(), 2);
    s.x("volume ls data").exits(1).says("stead volume ls data:/");
    s.x("volume du -d x data").exits(1).says("no number");
    s.x("volume ls data:/nosuch").exits(1).says("Could not find the file /nosuch in volume data");
    assert_eq!(s.ok("volume ls -q"), "data", "Docker's listing is as it was");
}

#[test]
fn the_same_through_the_api() {
    let Some(s) = beyond_the_peer("stead serve") else { return };
    let door = Door::open(&s);
    s.ok("volume create data");
    sh(&s.data("data"), "mkdir sub; echo text >sub/f");
    let put = |method: &str, path: &str, body: &[u8]| door.ask(method, path, "Content-Type: application/x-tar\r\n", body);
    let files = door.get("/v1.50/stead/volumes/data/files?path=/sub");
    assert_eq!(
        (files.status, files.json()["Files"][0]["Name"].as_str(), files.json()["Files"][0]["Size"].as_u64()),
        (200, Some("f"), Some(5))
    );
    let file = door.get("/v1.50/stead/volumes/data/file?path=/sub/f");
    assert_eq!((file.status, file.text().as_str()), (200, "text\n"));
    assert_eq!(door.get("/v1.50/stead/volumes/data/usage?depth=1").json()["Usage"][1]["Path"], "/sub");
    let head = door.ask("HEAD", "/v1.50/stead/volumes/data/archive?path=/sub", "", b"");
    assert!(head.status == 200 && head.head.to_lowercase().contains("x-docker-container-path-stat"), "{head:?}");
    let tar = door.get("/v1.50/stead/volumes/data/archive?path=/sub");
    assert_eq!(tar.status, 200);
    s.ok("volume create other");
    let unpacked = put("PUT", "/v1.50/stead/volumes/other/archive?path=/", &tar.body);
    assert_eq!((unpacked.status, unpacked.json()["Members"].as_u64()), (200, Some(2)), "{unpacked:?}");
    assert_eq!(names(&s.data("other").join("sub")), ["f"]);
    let export = door.get("/v1.50/stead/volumes/data/export");
    assert_eq!(export.body, s.x("volume export data").ok().stdout);
    assert_eq!(put("POST", "/v1.50/stead/volumes/other/import", &export.body).status, 409);
    let replaced = put("POST", "/v1.50/stead/volumes/other/import?replace=1", &export.body);
    assert_eq!((replaced.status, replaced.json()["Replaced"].as_str().map(str::len)), (200, Some(32)), "{replaced:?}");
    let made = put("POST", "/v1.50/stead/volumes/create?name=made&from=tar:-&labels=%7B%22a%22:%221%22%7D", &export.body);
    assert_eq!((made.status, made.json()["Labels"]["a"].as_str()), (201, Some("1")), "{made:?}");
    for (path, status) in [
        ("/v1.50/stead/volumes/nosuch/files", 404),
        ("/v1.50/stead/volumes/data/files?path=/nosuch", 404),
        ("/v1.50/stead/volumes/data/file?path=/sub", 400),
        ("/v1.50/stead/volumes/data/file", 400),
        ("/v1.50/stead/volumes/data/archive", 400),
        ("/v1.50/stead/volumes/nosuch/export", 404),
        ("/v1.50/stead/volumes/data/export?compression=rar", 400),
        ("/v1.50/stead/volumes/data@nosuch/export", 404),
    ] {
        let answer = door.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        answer.message();
    }
    assert_eq!(put("POST", "/v1.50/stead/volumes/create?name=made&from=tar:-", &export.body).status, 409);
    assert_eq!(put("POST", "/v1.50/stead/volumes/create?name=bad&from=tar:-", b"no archive").status, 400);
}
