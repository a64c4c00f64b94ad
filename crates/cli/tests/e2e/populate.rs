//! Pre-population of new volumes from the image: all of it, exactly, once.
use crate::scene::{STEAD, beyond_the_peer, busybox, names, with};
use std::os::unix::fs::MetadataExt;
use stead_testkit::Sandbox;

#[test]
fn named_anonymous_declared_read_only_and_not_with_nocopy() {
    let s = with(&["layers"]);
    let ls = |how: &str| s.ok(&format!("run --rm {how} --entrypoint '' layers ls /vol"));
    assert_eq!(ls("-v named:/vol"), "link\nseed");
    assert_eq!(ls("-v /vol"), "link\nseed");
    assert_eq!(ls(""), "link\nseed");
    assert_eq!(ls("-v ro:/vol:ro"), "link\nseed");
    assert_eq!(ls("-v not:/vol:nocopy"), "");
    assert_eq!(ls("--mount src=not2,dst=/vol,volume-nocopy"), "");
    assert_eq!(ls("--mount src=not,dst=/vol"), "link\nseed");
    let seed = s.data("named").join("seed");
    let meta = seed.metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o750, 1234, 4321));
    assert_eq!(std::fs::read_link(s.data("named").join("link")).unwrap().to_str(), Some("seed/f"));
}

#[test]
fn a_subpath_of_a_fresh_volume() {
    let Some(s) = beyond_the_peer("volume-subpath") else { return };
    s.load("layers");
    s.ok("run --rm -v data:/d busybox mkdir /d/sub");
    assert_eq!(s.ok("run --rm --mount src=data,dst=/vol,volume-subpath=sub --entrypoint '' layers ls /vol"), "link\nseed");
    // As in Docker it is the subpath that has to be empty, and the subpath that is filled.
    assert_eq!(names(&s.data("data")), ["sub"]);
}

#[test]
fn never_into_a_volume_that_has_content() {
    let s = with(&["layers"]);
    s.ok("volume create mine");
    std::fs::write(s.data("mine").join("hand-placed"), "keep").unwrap();
    assert_eq!(s.ok("run --rm -v mine:/vol --entrypoint '' layers ls /vol"), "hand-placed");
}

#[test]
fn the_roots_own_attributes() {
    let s = busybox();
    s.ok("run --rm -v tt:/tmp busybox true");
    assert_eq!(s.data("tt").metadata().unwrap().mode() & 0o7777, 0o1777);
    s.ok("run --rm -v nn:/not/there busybox true");
    assert_eq!(s.data("nn").metadata().unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn a_file_at_the_destination() {
    let s = busybox();
    let out = s.x("run --rm -v ff:/etc/passwd busybox true");
    assert_ne!(out.code, 0, "{out}");
    assert!(
        out.stderr.contains("/etc/passwd") || out.stderr.contains("not a directory") || out.stderr.contains("is not directory"),
        "{out}"
    );
}

/// Sparse files, hard links, xattrs, ACLs, ns times, special files: made in a container's layer by one image, copied by the next.
#[test]
fn every_attribute_survives() {
    let Some(s) = beyond_the_peer("import of such a tree with all its attributes") else { return };
    let tree = s.mkdir("tree");
    let script = "mkdir d && cd d && truncate -s 64M sparse && echo tail >>sparse && echo x >a && ln a b && ln -s a l && mkfifo p && mknod n c 1 3 \
        && chown 12:34 a && chmod 4751 a && setfattr -n user.colour -v blue a && setfattr -n security.capability -v 0sAQAAAgAgAAAAAAAAAAAAAAAAAAA= b; \
        setfacl -m u:77:rw a && setfacl -d -m g:88:rx . && touch -d '2001-02-03 04:05:06.123456789' a && touch -h -d '2002-02-03 04:05:06.5' l && touch -d '2003-01-01 00:00:00.25' .";
    stead_testkit::Command::new("sh").args(["-ec", script]).dir(&tree).run().ok();
    std::fs::create_dir_all(tree.join("bin")).unwrap();
    let tar = s.dir().join("tree.tar");
    let pack = format!("tar --format=posix --xattrs --xattrs-include='*' --exclude d/sparse -cf {} d", tar.display());
    stead_testkit::Command::new("sh").args(["-ec", &pack]).dir(&tree).run().ok();
    s.cli().args(["image", "import"]).arg(&tar).arg("tree:1").run().ok();
    s.ok("create --name cc -v data:/d tree:1 /none");
    let look = "stat -c '%n %f %u:%g %h %s %Y' a b l p n .; stat -c '%y' a l .; getfattr -d -m - a b 2>/dev/null; getfacl -p a . ; [ $(stat -c %i a) = $(stat -c %i b) ] && echo linked";
    let see = |dir: &std::path::Path| stead_testkit::Command::new("sh").args(["-c", look]).dir(dir).run().text();
    let (want, got) = (see(&tree.join("d")), see(&s.data("data")));
    assert_eq!(want, got);
    assert!(got.contains("linked") && got.contains("user.colour") && got.contains("user:77:rw") && got.contains(".123456789"), "{got}");
    // Sparse files travel in GNU's own format: in the POSIX one GNU tar writes them in a way that Docker's engines misread, and we refuse.
    let sparse = s.dir().join("sparse.tar");
    let pack = format!("tar --format=gnu --sparse -cf {} d/sparse", sparse.display());
    stead_testkit::Command::new("sh").args(["-ec", &pack]).dir(&tree).run().ok();
    s.cli().args(["image", "import"]).arg(&sparse).arg("sparse:1").run().ok();
    s.ok("create --name dd -v holes:/d sparse:1 /none");
    let copied = s.data("holes").join("sparse").metadata().unwrap();
    assert_eq!(copied.len(), (64 << 20) + 5);
    assert!(copied.blocks() < 2048, "the hole stays a hole");
}

#[test]
fn sixteen_containers_on_one_fresh_volume_all_see_everything() {
    let s = busybox();
    let tree = s.mkdir("tree");
    for d in 0..30 {
        std::fs::create_dir_all(tree.join(format!("seed/{d}"))).unwrap();
        for f in 0..50 {
            std::fs::write(tree.join(format!("seed/{d}/{f}")), vec![b'x'; 700]).unwrap();
        }
    }
    let tar = s.dir().join("tree.tar");
    stead_testkit::Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&tree).arg("seed").run().ok();
    // A container of busybox with the tree copied in, committed by way of export-less import: the tree plus busybox itself.
    s.ok("create --name base busybox");
    let base = s.dir().join("base.tar");
    let rootfs = s.mkdir("rootfs");
    stead_testkit::Command::new("tar").arg("-xf").arg(stead_testkit::image_tar("busybox")).arg("-C").arg(s.dir()).run().ok();
    let layer = stead_testkit::Command::new("sh").args(["-c", "ls -d ./*/layer.tar | head -1"]).dir(s.dir()).run().text();
    stead_testkit::Command::new("tar").arg("-xf").arg(s.dir().join(layer)).arg("-C").arg(&rootfs).run().ok();
    stead_testkit::Command::new("cp").arg("-a").arg(tree.join("seed")).arg(rootfs.join("seed")).run().ok();
    stead_testkit::Command::new("tar").arg("-cf").arg(&base).arg("-C").arg(&rootfs).arg(".").run().ok();
    s.cli().args(["import"]).arg(&base).arg("many:1").run().ok();
    s.ok("rm base");
    for round in 0..3 {
        let volume = format!("fresh{round}");
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let command = s.cli().args([
                    "run",
                    "--rm",
                    "-v",
                    &format!("{volume}:/seed"),
                    "many:1",
                    "sh",
                    "-c",
                    "find /seed -type f -size 700c | wc -l",
                ]);
                std::thread::spawn(move || command.run())
            })
            .collect();
        for thread in threads {
            let out = thread.join().unwrap();
            if s.is_docker() {
                continue; // the peer fails here now and then; that is what this test is about
            }
            assert_eq!(out.ok().text(), "1500");
        }
    }
}

#[test]
fn populated_once_and_never_again() {
    let s = Sandbox::new(STEAD).with(&["layers"]);
    s.ok("run --rm -v data:/vol --entrypoint '' --user 0 layers sh -c 'rm -rf /vol/link /vol/seed'");
    let second = s.ok("run --rm -v data:/vol --entrypoint '' layers ls /vol");
    if !s.is_docker() {
        assert_eq!(second, "");
        assert_eq!(names(&s.data("data")), Vec::<String>::new(), "what a user deleted does not come back");
    }
}
