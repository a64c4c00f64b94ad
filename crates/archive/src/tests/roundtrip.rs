//! A tree out of one root and into another: everything a file is arrives.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::{Devices, Error, Follow, Owner, ReadOptions, Rebase, WriteOptions, read, stat, write};
use stead_testkit::Command;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/stead-archive-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn fd(&self) -> OwnedFd {
        std::fs::File::open(&self.0).unwrap().into()
    }

    fn path(&self, rel: &str) -> PathBuf {
        self.0.join(rel)
    }

    fn put(&self, rel: &str, text: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(rel).parent().unwrap()).unwrap();
        std::fs::write(self.path(rel), text).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn carry(from: &Dir, path: &str, to: &Dir, dest: &str, options: &WriteOptions) -> crate::Result<crate::Written> {
    let (_, mut stream) = read(from.fd().as_fd(), Path::new(path), &ReadOptions::default())?;
    write(to.fd().as_fd(), Path::new(dest), &mut stream, options)
}

fn sh(line: &str) -> String {
    Command::new("sh").args(["-ec", line]).run().ok().text()
}

/// What `tar`, `find` and `getfattr` would say about a tree.
fn picture(dir: &Path) -> String {
    let d = dir.display();
    sh(&format!(
        "cd {d}; find . -mindepth 1 -printf '%p %y %m %U:%G %T@ %s %l\\n' | sed 's/ d \\(.*\\) [0-9]* $/ d \\1/' | sort; \
         find . -type f | sort | xargs -r -d '\\n' sha256sum; getfattr -Rd -m '^(user|security.capability)' . 2>/dev/null | grep -v '^#' || true"
    ))
}

#[test]
fn everything_a_file_is_arrives() {
    let (from, to) = (Dir::new("all-from"), Dir::new("all-to"));
    from.put("t/plain", "text");
    from.put("t/deep/er/file", vec![7u8; 300_000]);
    from.put("t/first", "linked");
    std::fs::hard_link(from.path("t/first"), from.path("t/second")).unwrap();
    symlink("../somewhere/else", from.path("t/dangling")).unwrap();
    symlink("/etc/passwd", from.path("t/absolute")).unwrap();
    std::fs::create_dir(from.path("t/empty")).unwrap();
    let t = from.path("t").display().to_string();
    let long = format!("{}/{}", "n".repeat(120), "ä".repeat(100));
    from.put(&format!("t/{long}"), "long");
    sh(&format!(
        "cd {t}; mkfifo -m 640 pipe; mknod null c 1 3; chmod 666 null; chown 1000:1001 plain; chmod 4755 plain; chown -h 5:6 dangling; \
         chmod 1777 empty; chmod 2750 deep; touch -d '2001-02-03 04:05:06.123456789' plain; touch -d '1969-01-01' empty; \
         touch -h -d '2010-01-01' dangling; setfattr -n user.note -v hello plain; printf 'bad\\377name' > \"$(printf 'caf\\351')\"; \
         python3 -c 'import socket;socket.socket(socket.AF_UNIX).bind(\"sock\")'; truncate -s 100M holes; printf end | dd of=holes bs=1 seek=50M conv=notrunc status=none; \
         touch -d '2005-05-05 05:05:05.5' deep t 2>/dev/null; rm -f t"
    ));
    let done = carry(&from, "t", &to, "/", &WriteOptions::default()).unwrap();
    assert_eq!(done.members, 16, "{done:?}");
    std::fs::remove_file(from.path("t/sock")).unwrap();
    sh(&format!("touch -r {} {t}", to.path("t").display()));
    assert_eq!(picture(&from.path("t")), picture(&to.path("t")));
    let (a, b) = (to.path("t/first").metadata().unwrap(), to.path("t/second").metadata().unwrap());
    assert_eq!((a.ino(), a.nlink()), (b.ino(), 2));
    assert!(to.path("t/pipe").metadata().unwrap().file_type().is_fifo());
    assert!(to.path("t/holes").metadata().unwrap().blocks() < 1000, "holes stay holes");
}

#[test]
fn other_programs_read_what_we_write() {
    let (from, out) = (Dir::new("gnu-from"), Dir::new("gnu-to"));
    from.put("a/b/file", "text");
    from.put("a/ü/name", vec![1u8; 5000]);
    std::fs::hard_link(from.path("a/b/file"), from.path("a/link")).unwrap();
    symlink("b", from.path("a/sym")).unwrap();
    let mut tar = Vec::new();
    read(from.fd().as_fd(), Path::new("/a"), &ReadOptions::default()).unwrap().1.read_to_end(&mut tar).unwrap();
    assert_eq!(tar.len() % 512, 0);
    Command::new("tar").args(["-C", out.0.to_str().unwrap(), "-xpf", "-"]).stdin(tar.clone()).run().ok();
    assert_eq!(picture(&from.path("a")), picture(&out.path("a")));
    let listed = Command::new("python3")
        .args(["-c", "import sys,tarfile; print(*[m.name for m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|')])"])
        .stdin(tar)
        .run()
        .ok();
    assert_eq!(listed.text(), "a a/b a/b/file a/link a/sym a/ü a/ü/name");
}

#[test]
fn the_top_is_named_as_docker_names_it() {
    let from = Dir::new("top");
    from.put("d/f", "x");
    let names = |path: &str| {
        let mut tar = Vec::new();
        read(from.fd().as_fd(), Path::new(path), &ReadOptions::default()).unwrap().1.read_to_end(&mut tar).unwrap();
        Command::new("tar").args(["-tPf", "-"]).stdin(tar).run().ok().text().replace('\n', " ")
    };
    assert_eq!(names("/d"), "d/ d/f");
    assert_eq!(names("d/"), "d/ d/f");
    assert_eq!(names("/d/."), "./ ./f");
    assert_eq!(names("/d/f"), "f");
    assert_eq!(names("/d/../d/f"), "f");
}

#[test]
fn stat_says_what_docker_says() {
    let root = Dir::new("stat");
    root.put("dir/file", "12345");
    std::fs::set_permissions(root.path("dir"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    std::fs::set_permissions(root.path("dir/file"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    symlink("/dir/file", root.path("abs")).unwrap();
    symlink("../../../dir/../abs", root.path("dir/chain")).unwrap();
    symlink("nowhere/at/all", root.path("broken")).unwrap();
    symlink("loop", root.path("loop")).unwrap();
    let of = |path: &str| stat(root.fd().as_fd(), Path::new(path)).unwrap();
    let dir = of("/dir/");
    assert_eq!((dir.name.as_str(), dir.mode), ("dir", 1 << 31 | 1 << 20 | 0o777));
    let file = of("dir/file");
    assert_eq!((file.name.as_str(), file.size, file.mode), ("file", 5, 1 << 23 | 0o755));
    assert_eq!((of("/abs").link_target.as_str(), of("/abs").mode), ("/dir/file", 1 << 27 | 0o777));
    assert_eq!(of("/dir/chain").link_target, "/dir/file");
    assert_eq!(of("/broken").link_target, "/nowhere/at/all");
    assert!(matches!(stat(root.fd().as_fd(), Path::new("/none")), Err(Error::NotFound { path }) if path == "/none"));
    assert!(stat(root.fd().as_fd(), Path::new("/loop")).is_err());
    assert!(stat(root.fd().as_fd(), Path::new("/dir/file/")).unwrap_err().to_string().contains("lstat /dir/file/: not a directory"));
    let json = serde_json::to_value(of("/abs")).unwrap();
    assert_eq!(json["linkTarget"], "/dir/file");
    assert!(json["mtime"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn what_is_there_is_merged_replaced_or_refused() {
    let (from, to) = (Dir::new("merge-from"), Dir::new("merge-to"));
    from.put("x/new", "new");
    from.put("x/same", "after");
    symlink("new", from.path("x/link")).unwrap();
    to.put("x/same", "before");
    to.put("x/link", "was a file");
    to.put("x/keep", "kept");
    std::fs::hard_link(to.path("x/same"), to.path("other-name")).unwrap();
    carry(&from, "x", &to, "/", &WriteOptions::default()).unwrap();
    let text = |rel: &str| std::fs::read_to_string(to.path(rel)).unwrap();
    assert_eq!([text("x/new"), text("x/same"), text("x/keep"), text("x/link")], ["new", "after", "kept", "new"]);
    assert_eq!(text("other-name"), "before", "a replaced file is another file");

    let strict = WriteOptions { no_overwrite_dir_non_dir: true, ..WriteOptions::default() };
    let (a, b) = (Dir::new("kind-a"), Dir::new("kind-b"));
    a.put("thing", "file");
    b.put("thing/inside", "dir");
    let said = carry(&a, "thing", &b, "/", &strict).unwrap_err().to_string();
    assert_eq!(said, r#"cannot overwrite directory "/thing" with non-directory "/""#);
    let said = carry(&b, "thing", &a, "/", &strict).unwrap_err().to_string();
    assert_eq!(said, r#"cannot overwrite non-directory "/thing" with directory "/""#);
    carry(&b, "thing", &a, "/", &WriteOptions::default()).unwrap();
    assert!(a.path("thing/inside").is_file(), "without the option the archive wins");
    from.put("thing", "file");
    carry(&from, "thing", &b, "/", &WriteOptions::default()).unwrap();
    assert!(b.path("thing").is_file());
    let left: Vec<_> = std::fs::read_dir(&b.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["thing"], "nothing is left aside");
}

#[test]
fn links_of_the_root_lead_inside_the_root() {
    // moby#52653: /var/run is a symlink to /run in most images.
    let (from, to) = (Dir::new("run-from"), Dir::new("run-to"));
    from.put("x/sub/file", "text");
    std::fs::create_dir_all(to.path("run/x")).unwrap();
    std::fs::create_dir_all(to.path("var")).unwrap();
    symlink("/run", to.path("var/run")).unwrap();
    symlink("../../../../../../run", to.path("var/up")).unwrap();
    carry(&from, "x", &to, "/var/run", &WriteOptions::default()).unwrap();
    assert!(to.path("run/x/sub/file").is_file());
    carry(&from, "x/.", &to, "var/up/", &WriteOptions::default()).unwrap();
    assert!(to.path("run/sub/file").is_file());
    let never = WriteOptions { follow: Follow::Never, ..WriteOptions::default() };
    assert!(carry(&from, "x", &to, "var/run", &never).is_err());
}

#[test]
fn the_destination_must_be_a_directory_that_exists() {
    let (from, to) = (Dir::new("dest-from"), Dir::new("dest-to"));
    from.put("f", "x");
    to.put("file", "x");
    assert!(matches!(carry(&from, "f", &to, "/none", &WriteOptions::default()), Err(Error::NotFound { path }) if path == "/none"));
    assert_eq!(carry(&from, "f", &to, "/file", &WriteOptions::default()).unwrap_err().to_string(), "extraction point is not a directory");
    assert!(matches!(carry(&from, "gone", &to, "/", &WriteOptions::default()), Err(Error::NotFound { .. })));
}

#[test]
fn owners_devices_and_names_as_asked() {
    let (from, to) = (Dir::new("own-from"), Dir::new("own-to"));
    from.put("d/f", "x");
    sh(&format!("cd {}; mknod d/dev c 1 5; chown -R 7:8 d", from.0.display()));
    let rebase = Some(Rebase { old: "d".into(), new: "named".into() });
    let options =
        WriteOptions { owner: Owner::Fixed(1000, 1001), devices: Devices::Skip, rebase: rebase.clone(), ..WriteOptions::default() };
    let done = carry(&from, "d", &to, "/", &options).unwrap();
    assert_eq!(done.skipped, ["named/dev"]);
    let meta = to.path("named/f").metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid()), (1000, 1001));
    let options =
        WriteOptions { owner: Owner::Caller, rebase: Some(Rebase { old: "d".into(), new: "mine".into() }), ..WriteOptions::default() };
    carry(&from, "d", &to, "/", &options).unwrap();
    assert_eq!(to.path("mine/f").metadata().unwrap().uid(), 0);
    carry(&from, "d", &to, "/", &WriteOptions::default()).unwrap();
    assert_eq!(to.path("d/f").metadata().unwrap().gid(), 8);
}

#[test]
fn compressed_archives_are_undone_in_this_process() {
    let (from, to) = (Dir::new("zip-from"), Dir::new("zip-to"));
    from.put("d/f", "text");
    for (program, refused) in [("gzip", false), ("zstd", false), ("xz", true), ("bzip2", true)] {
        let tar = Command::new("sh").args(["-c", &format!("tar -C {} -c d | {program} -c", from.0.display())]).run();
        if tar.stdout.is_empty() {
            stead_testkit::skip(&format!("{program} is not installed"));
            continue;
        }
        let outcome = write(to.fd().as_fd(), Path::new("/"), &mut tar.stdout.as_slice(), &WriteOptions::default());
        assert_eq!(outcome.is_err(), refused, "{program}");
        assert_eq!(to.path("d").exists(), !refused, "{program}");
        std::fs::remove_dir_all(to.path("d")).ok();
    }
}

#[test]
fn kernel_file_systems_are_neither_read_nor_written() {
    let root: OwnedFd = std::fs::File::open("/").unwrap().into();
    let refused = |path: &str| read(root.as_fd(), Path::new(path), &ReadOptions::default()).err().map(|e| e.to_string());
    assert_eq!(refused("/proc/kmsg").as_deref(), Some(r#"cannot copy "/proc/kmsg": it is on a kernel file system"#));
    assert!(refused("/proc/self/root/etc").is_some(), "no magic link is followed");
    let mut empty: &[u8] = &[0; 1024];
    let said = write(root.as_fd(), Path::new("/sys"), &mut empty, &WriteOptions::default()).unwrap_err();
    assert!(matches!(said, Error::KernelFileSystem { .. }));
}

#[test]
fn a_file_that_changes_while_it_is_read_keeps_its_length() {
    let from = Dir::new("grow");
    from.put("log", vec![b'a'; 1_000_000]);
    let (_, mut stream) = read(from.fd().as_fd(), Path::new("/log"), &ReadOptions::default()).unwrap();
    let mut head = [0; 4096];
    stream.read_exact(&mut head).unwrap();
    std::fs::OpenOptions::new().write(true).open(from.path("log")).unwrap().set_len(10_000).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let tar = [head.as_slice(), &rest].concat();
    let listed = Command::new("tar").args(["-tvf", "-"]).stdin(tar).run().ok();
    assert!(listed.text().contains("1000000"), "{}", listed.text());
}
