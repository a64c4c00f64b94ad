//! `cp` both ways: files, directories, streams, through volumes and binds, running and stopped.
use crate::scene::{busybox, names};
use std::os::unix::fs::MetadataExt;
use stead_testkit::hostile;

#[test]
fn files_and_directories_both_ways() {
    let s = busybox();
    let d = s.mkdir("src");
    std::fs::write(d.join("f"), "content").unwrap();
    std::fs::create_dir(d.join("sub")).unwrap();
    std::fs::write(d.join("sub/g"), "deep").unwrap();
    s.ok("create --name cc -v data:/data busybox sleep 600");
    for state in ["created", "running"] {
        if state == "running" {
            s.ok("start cc");
        }
        s.ok(&format!("cp ./src/f cc:/tmp/{state}"));
        s.ok(&format!("cp ./src cc:/data/{state}"));
        s.ok("cp ./src/. cc:/data");
        assert_eq!(std::fs::read_to_string(s.data("data").join(state).join("sub/g")).unwrap(), "deep");
        assert_eq!(std::fs::read_to_string(s.data("data").join("f")).unwrap(), "content");
        s.ok(&format!("cp cc:/data/{state} ./back-{state}"));
        assert_eq!(std::fs::read_to_string(s.dir().join(format!("back-{state}/sub/g"))).unwrap(), "deep");
        s.ok(&format!("cp cc:/tmp/{state} ./one-{state}"));
        assert_eq!(std::fs::read_to_string(s.dir().join(format!("one-{state}"))).unwrap(), "content");
    }
    assert_eq!(s.ok("exec cc cat /tmp/created /tmp/running"), "contentcontent");
    s.ok("stop -t 0 cc");
    s.ok("cp cc:/data/. ./all");
    assert_eq!(names(&s.dir().join("all")), ["created", "f", "running", "sub"]);
}

#[test]
fn through_a_bind_and_a_read_only_volume() {
    let s = busybox();
    let host = s.mkdir("host");
    std::fs::write(s.dir().join("f"), "x").unwrap();
    s.ok(&format!("create --name cc -v {}:/b -v ro:/ro:ro --read-only -v rw:/rw busybox", host.display()));
    s.ok("cp ./f cc:/b/");
    assert_eq!(names(&host), ["f"]);
    s.ok("cp ./f cc:/rw/renamed");
    assert_eq!(names(&s.data("rw")), ["renamed"]);
    s.x("cp ./f cc:/ro/").exits(1).says("marked read-only");
    s.x("cp ./f cc:/etc/").exits(1).says("marked read-only");
}

#[test]
fn streams_of_tar() {
    let s = busybox();
    s.ok("create --name cc busybox");
    s.cli().args(["cp", "-", "cc:/tmp"]).stdin(hostile::honest(&[("d/", ""), ("d/f", "from a stream")])).run().ok();
    let out = s.cli().args(["cp", "cc:/tmp/d", "-"]).run().ok();
    let listed = stead_testkit::Command::new("tar").args(["-xOf", "-", "d/f"]).stdin(out.stdout).run().ok();
    assert_eq!(listed.text(), "from a stream");
}

#[test]
fn owner_mode_and_symlinks() {
    let s = busybox();
    let f = s.dir().join("f");
    std::fs::write(&f, "x").unwrap();
    stead_testkit::Command::new("sh").args(["-c", "chown 12:34 f; chmod 640 f; ln -s f l"]).dir(s.dir()).run().ok();
    s.ok("run -d --name cc busybox sleep 600");
    s.ok("cp -a ./f cc:/tmp/a");
    s.ok("cp ./f cc:/tmp/b");
    s.ok("cp ./l cc:/tmp/l");
    s.ok("cp -L ./l cc:/tmp/followed");
    assert_eq!(s.ok("exec cc stat -c %u:%g:%a /tmp/a"), "12:34:640");
    assert_eq!(s.ok("exec cc stat -c %u:%g:%a /tmp/b"), "12:34:640");
    assert_eq!(s.ok("exec cc readlink /tmp/l"), "f");
    assert_eq!(s.ok("exec cc stat -c %F /tmp/followed"), "regular file");
    s.ok("cp -a cc:/tmp/a ./back");
    assert_eq!(s.dir().join("back").metadata().unwrap().mode() & 0o777, 0o640);
}

#[test]
fn errors_of_cp() {
    let s = busybox();
    s.ok("create --name cc busybox");
    s.x("cp cc:/no/such .").exits(1).says("Could not find the file /no/such in container cc");
    s.x("cp ./no-such cc:/tmp").exits(1).says("no-such");
    s.x("cp ./a ./b").exits(1).says("must specify at least one container source");
    s.x("cp cc:/a cc:/b").exits(1).says("copying between containers is not supported");
    std::fs::write(s.dir().join("f"), "").unwrap();
    s.x("cp ./f cc:/nodir/").exits(1);
    s.x("cp ./f cc:/nodir/f").exits(1);
}
