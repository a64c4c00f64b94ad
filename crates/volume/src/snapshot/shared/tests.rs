//! The shared method against hostile trees, busy owners and the clock.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rustix::fs::{self as rfs, AtFlags, CWD, FileType, Mode, XattrFlags};

use super::super::manifest::{self, Entry, Reader};
use super::session::{Stats, Taken};
use super::{Session, collect};

/// An area with a live tree and snapshots.
struct Scene {
    dir: PathBuf,
    count: AtomicU32,
}

impl Scene {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let dir = PathBuf::from(format!("/var/tmp/stead-shared-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(dir.join("live")).unwrap();
        Self { dir, count: AtomicU32::new(0) }
    }

    fn live(&self, rel: &str) -> PathBuf {
        self.dir.join("live").join(rel)
    }

    fn write(&self, rel: &str, data: &[u8]) {
        let path = self.live(rel);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(data).unwrap();
    }

    fn session(&self, before: Option<&Path>) -> Session {
        let before = before.map(|dir| dir.join(manifest::FILE));
        Session::new(&self.dir, File::open(self.live("")).unwrap().as_fd(), before.as_deref()).unwrap()
    }

    fn finish(&self, session: &mut Session, taken: Taken) -> (PathBuf, Stats) {
        let home = self.dir.join(format!("snap-{}", self.count.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(home.join("_data")).unwrap();
        let (beside, data) = (File::open(&home).unwrap(), File::open(home.join("_data")).unwrap());
        let stats = session.finish(taken, beside.as_fd(), data.as_fd()).unwrap();
        (home, stats)
    }

    fn snapshot(&self, before: Option<&Path>) -> (PathBuf, Stats) {
        let live = File::open(self.live("")).unwrap();
        let mut session = self.session(before);
        session.prepare(live.as_fd()).unwrap();
        let taken = session.take(live.as_fd()).unwrap();
        self.finish(&mut session, taken)
    }

    fn objects(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for shard in std::fs::read_dir(self.dir.join(".objects")).unwrap().flatten().filter(|e| e.file_name().len() == 2) {
            all.extend(std::fs::read_dir(shard.path()).unwrap().flatten().map(|e| e.path()));
        }
        all
    }

    fn nameless(&self) -> usize {
        std::fs::read_dir(self.dir.join(".objects/.new")).unwrap().count()
    }

    fn delete(&self, snapshot: &Path) {
        stead_sys::tree::remove_tree(File::open(&self.dir).unwrap(), snapshot.file_name().unwrap()).unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        stead_sys::tree::remove_tree(File::open("/var/tmp").unwrap(), self.dir.file_name().unwrap()).unwrap();
    }
}

fn entries(home: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(&home.join(manifest::FILE)).unwrap().unwrap();
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}

/// What there is to see of a tree, one line a name: kind, attributes, content.
fn picture(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inodes: Vec<u64> = Vec::new();
    let mut found: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(path) = found.pop() {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(std::fs::read_dir(&path).unwrap().flatten().map(|e| e.path()));
        }
        let mut names = vec![0; 4096];
        let length = rfs::llistxattr(&path, &mut names[..]).unwrap();
        let attributes: Vec<String> = names[..length]
            .split(|b| *b == 0)
            .filter(|n| !n.is_empty())
            .map(|n| {
                let mut value = vec![0; 4096];
                let length = rfs::lgetxattr(&path, n, &mut value[..]).unwrap();
                format!("{:?}={:?}", String::from_utf8_lossy(n), &value[..length])
            })
            .collect();
        let content = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let target = std::fs::read_link(&path).unwrap_or_default();
        let size = if meta.is_file() { meta.len() } else { 0 };
        let rel = path.strip_prefix(root).unwrap();
        lines.push(format!(
            "{rel:?} {:o} {}:{} {size} {} {}.{} {target:?} {attributes:?} {:?}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.rdev(),
            meta.mtime(),
            meta.mtime_nsec(),
            content
        ));
        if !meta.is_dir() {
            inodes.push(meta.ino());
        }
    }
    // Which names are names of one file.
    inodes.sort_unstable();
    let several: usize = inodes.chunk_by(|a, b| a == b).map(|c| c.len() - 1).sum();
    lines.sort();
    lines.push(format!("{several} further names"));
    lines
}

fn settle() {
    std::thread::sleep(Duration::from_millis(120));
}

fn hostile(scene: &Scene) {
    scene.write("d/plain", b"content");
    scene.write("d/empty", b"");
    // Equal in everything: two files all the same.
    for name in ["twin-a", "twin-b", "twin-c"] {
        scene.write(name, b"twins");
        let time = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000));
        File::options().write(true).open(scene.live(name)).unwrap().set_times(time).unwrap();
    }
    std::fs::hard_link(scene.live("d/plain"), scene.live("hard")).unwrap();
    std::fs::hard_link(scene.live("twin-b"), scene.live("d/twin-b-again")).unwrap();
    File::create(scene.live("sparse")).unwrap().write_all_at(b"end", 64 << 20).unwrap();
    File::create(scene.live("hole")).unwrap().set_len((3 << 20) + 5).unwrap();
    File::create(scene.live("big")).unwrap().write_all(&[7; (2 << 20) + 77]).unwrap();
    symlink("../../../etc/passwd", scene.live("d/link")).unwrap();
    std::fs::hard_link(scene.live("d/link"), scene.live("d/link-again")).unwrap();
    let odd = scene.dir.join("live").join(std::ffi::OsStr::from_bytes(b"\xff\n\x01 name"));
    std::fs::create_dir(&odd).unwrap();
    File::create(odd.join("in")).unwrap().write_all(b"odd").unwrap();
    rfs::mknodat(CWD, scene.live("pipe"), FileType::Fifo, Mode::from_raw_mode(0o620), 0).unwrap();
    rfs::mknodat(CWD, scene.live("null"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), rfs::makedev(1, 3)).unwrap();
    rfs::mknodat(CWD, scene.live("socket"), FileType::Socket, Mode::from_raw_mode(0o777), 0).unwrap();
    rfs::setxattr(scene.live("d/plain"), c"user.note", b"v\0alue", XattrFlags::empty()).unwrap();
    rfs::setxattr(scene.live("d"), c"user.dir", b"1", XattrFlags::empty()).unwrap();
    rfs::lsetxattr(scene.live("null"), c"trusted.t", b"x", XattrFlags::empty()).unwrap();
    std::os::unix::fs::chown(scene.live("big"), Some(1234), Some(4321)).unwrap();
    std::fs::set_permissions(scene.live("big"), std::fs::Permissions::from_mode(0o6751)).unwrap();
    std::fs::set_permissions(scene.live("d"), std::fs::Permissions::from_mode(0o2755)).unwrap();
    std::fs::create_dir_all(scene.live("deep/er/and/er/empty")).unwrap();
}

#[test]
fn everything_arrives_and_an_unchanged_tree_is_not_read_again() {
    let scene = Scene::new();
    hostile(&scene);
    let live = picture(&scene.live(""));
    settle();
    let (first, stats) = scene.snapshot(None);
    assert_eq!(picture(&first.join("_data")), live);
    assert!(first.join("_data/pipe").symlink_metadata().unwrap().file_type().is_fifo());
    assert!(first.join("_data/sparse").metadata().unwrap().blocks() < 1024, "holes stay holes");
    assert!(stats.read > 0 && stats.read_held == 0, "{stats:?}: all was read before the users stood still");
    let (second, stats) = scene.snapshot(Some(&first));
    assert_eq!((stats.read, stats.stored), (0, 0), "{stats:?}");
    assert_eq!(picture(&second.join("_data")), live);
    for file in ["d/plain", "twin-a", "twin-b", "twin-c", "sparse", "big"] {
        let ino = |home: &Path| home.join("_data").join(file).metadata().unwrap().ino();
        assert_eq!(ino(&first), ino(&second), "{file} is shared");
        assert_ne!(ino(&first), scene.live(file).metadata().unwrap().ino(), "and never with the live file");
    }
    assert_eq!(scene.nameless(), 0);
    // Another tree with the same files (a rollback) is read once and stores nothing.
    rfs::rename(scene.live("twin-a"), scene.live("twin-d")).unwrap();
    let (third, stats) = scene.snapshot(Some(&second));
    assert_eq!(stats.stored, 0, "{stats:?}");
    assert_eq!(picture(&third.join("_data")), picture(&scene.live("")));
}

#[test]
fn nothing_an_owner_does_changes_a_snapshot() {
    let scene = Scene::new();
    for name in ["write", "truncate", "map", "chmod", "xattr", "replaced", "unlinked", "chown", "append", "punch", "times"] {
        scene.write(name, &[b'a'; 9000]);
    }
    settle();
    let (home, _) = scene.snapshot(None);
    let before = picture(&home.join("_data"));
    OpenOptions::new().write(true).open(scene.live("write")).unwrap().write_all_at(b"XX", 5).unwrap();
    OpenOptions::new().write(true).open(scene.live("truncate")).unwrap().set_len(3).unwrap();
    OpenOptions::new().append(true).open(scene.live("append")).unwrap().write_all(b"more").unwrap();
    let mut mapper = Mapper::new(&scene.live("map"));
    mapper.put(0, 'X');
    std::fs::set_permissions(scene.live("chmod"), std::fs::Permissions::from_mode(0o777)).unwrap();
    rfs::setxattr(scene.live("xattr"), c"user.x", b"1", XattrFlags::empty()).unwrap();
    scene.write("other", b"other");
    rfs::rename(scene.live("other"), scene.live("replaced")).unwrap();
    std::fs::remove_file(scene.live("unlinked")).unwrap();
    std::os::unix::fs::chown(scene.live("chown"), Some(77), Some(77)).unwrap();
    let punch = OpenOptions::new().write(true).open(scene.live("punch")).unwrap();
    rfs::fallocate(&punch, rfs::FallocateFlags::PUNCH_HOLE | rfs::FallocateFlags::KEEP_SIZE, 0, 4096).unwrap();
    let time = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    File::options().write(true).open(scene.live("times")).unwrap().set_times(time).unwrap();
    assert_eq!(picture(&home.join("_data")), before);
    let (next, _) = scene.snapshot(Some(&home));
    assert_eq!(picture(&home.join("_data")), before, "nor does the next snapshot");
    assert_eq!(picture(&next.join("_data")), picture(&scene.live("")), "which has all of it");
}

/// Another process that has a file mapped and writes through the mapping, which moves no time while the page is dirty.
struct Mapper(std::process::Child, BufReader<std::process::ChildStdout>);

impl Mapper {
    fn new(path: &Path) -> Self {
        let script = "import mmap,sys\nf=open(sys.argv[1],'r+b')\nm=mmap.mmap(f.fileno(),0)\nfor line in sys.stdin:\n a,b=line.split()\n m[int(a)]=ord(b)\n print('done',flush=True)";
        #[expect(clippy::disallowed_methods, reason = "only another language maps a file without unsafe code")]
        let mut child =
            Command::new("python3").args(["-c", script]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self(child, answers)
    }

    fn put(&mut self, at: usize, what: char) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{at} {what}").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

#[test]
fn a_write_through_a_dirty_mapping_between_the_passes_is_seen() {
    let scene = Scene::new();
    scene.write("map", &[b'a'; 8192]);
    settle();
    let mut mapper = Mapper::new(&scene.live("map"));
    let live = File::open(scene.live("")).unwrap();
    for byte in ['B', 'C', 'D'] {
        mapper.put(10, byte);
        let mut session = scene.session(None);
        session.prepare(live.as_fd()).unwrap();
        mapper.put(11, byte);
        // No time moves for this one: the page is dirty already.
        mapper.put(12, byte);
        let taken = session.take(live.as_fd()).unwrap();
        mapper.put(13, byte);
        let (home, _) = scene.finish(&mut session, taken);
        let got = std::fs::read(home.join("_data/map")).unwrap();
        assert_eq!(&got[10..13], [byte.to_string().as_bytes()[0]; 3], "{byte}");
        assert_ne!(got[13], byte.to_string().as_bytes()[0]);
    }
}

#[test]
fn what_changes_between_the_passes_is_all_that_is_read_while_the_users_stand_still() {
    let scene = Scene::new();
    for n in 0..200 {
        scene.write(&format!("d{}/f{n}", n % 7), format!("file {n}").as_bytes());
    }
    settle();
    let live = File::open(scene.live("")).unwrap();
    let mut session = scene.session(None);
    session.prepare(live.as_fd()).unwrap();
    scene.write("d1/f1", b"changed");
    scene.write("d1/new", b"new");
    std::fs::remove_file(scene.live("d2/f2")).unwrap();
    rfs::rename(scene.live("d3/f3"), scene.live("d3/moved")).unwrap();
    std::fs::remove_file(scene.live("d4/f4")).unwrap();
    std::fs::create_dir(scene.live("d4/f4")).unwrap();
    let taken = session.take(live.as_fd()).unwrap();
    let then = picture(&scene.live(""));
    scene.write("d5/f5", b"after the pause");
    let (home, stats) = scene.finish(&mut session, taken);
    assert_eq!(picture(&home.join("_data")), then);
    // A renamed file has a new ctime too.
    assert_eq!(stats.read_held, 3, "{stats:?}");
    assert_eq!(scene.nameless(), 0, "what was prepared and not used is dropped or named");
    let all = entries(&home);
    assert!(all.windows(2).all(|w| manifest::order(&w[0].path, &w[1].path).is_lt()));
    assert!(all.iter().any(|e| e.path == b"d3/moved" && e.hash.is_some()));
}

#[test]
fn a_tree_that_never_holds_still_fails_nothing_and_stores_no_mixture() {
    let scene = Scene::new();
    for n in 0..40 {
        scene.write(&format!("d/f{n}"), &vec![b'a'; 50_000]);
    }
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            for round in 0u32.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let n = round % 40;
                std::fs::remove_file(scene.live(&format!("d/f{n}"))).ok();
                scene.write(&format!("tmp{n}"), &vec![b'a' + u8::try_from(round % 20).unwrap(); 50_000]);
                rfs::rename(scene.live(&format!("tmp{n}")), scene.live(&format!("d/f{n}"))).unwrap();
                std::fs::create_dir(scene.live(&format!("x{n}"))).ok();
                std::fs::remove_dir(scene.live(&format!("x{}", (n + 20) % 40))).ok();
            }
        });
        let mut before: Option<PathBuf> = None;
        for _ in 0..6 {
            let (home, _) = scene.snapshot(before.as_deref());
            for file in std::fs::read_dir(home.join("_data/d")).unwrap().flatten() {
                let content = std::fs::read(file.path()).unwrap();
                // Each file is written before it gets its name, so half of one can only come from us.
                assert!(content.len() == 50_000 && content.iter().all(|b| *b == content[0]), "{:?}", file.path());
            }
            before = Some(home);
        }
    });
}

#[test]
fn only_objects_of_no_snapshot_are_collected_and_none_while_one_is_made() {
    let scene = Scene::new();
    hostile(&scene);
    settle();
    let (first, _) = scene.snapshot(None);
    let all = scene.objects().len();
    scene.write("d/plain", b"other content");
    let (second, _) = scene.snapshot(Some(&first));
    assert_eq!(scene.objects().len(), all + 1);
    collect::note(&scene.dir).unwrap();
    scene.delete(&first);
    {
        let _session = scene.session(None);
        assert_eq!(collect::collect(&scene.dir).unwrap(), 0);
        assert!(collect::is_due(&scene.dir), "another sweep will do it");
    }
    let picture_before = picture(&second.join("_data"));
    File::create(scene.dir.join(".objects/.new/left-by-a-crash")).unwrap();
    assert_eq!(collect::collect(&scene.dir).unwrap(), 2, "the old content, and what a crash left");
    assert!(!collect::is_due(&scene.dir));
    assert_eq!(picture(&second.join("_data")), picture_before);
    scene.delete(&second);
    collect::collect(&scene.dir).unwrap();
    assert_eq!(scene.objects(), Vec::<PathBuf>::new());
}

#[test]
fn an_object_that_is_gone_or_has_no_links_left_is_replaced() {
    let scene = Scene::new();
    scene.write("a", b"aaaa");
    scene.write("b", b"bb");
    settle();
    let (first, _) = scene.snapshot(None);
    let object = |size: u64| scene.objects().into_iter().find(|p| p.metadata().unwrap().len() == size).unwrap();
    std::fs::remove_file(object(2)).unwrap();
    let full = object(4);
    std::fs::create_dir(scene.dir.join("links")).unwrap();
    let filled = (0..70_000u32).find(|n| match std::fs::hard_link(&full, scene.dir.join(format!("links/{n}"))) {
        Ok(()) => false,
        Err(e) => {
            assert_eq!(e.raw_os_error(), Some(rustix::io::Errno::MLINK.raw_os_error()));
            true
        }
    });
    let (second, stats) = scene.snapshot(Some(&first));
    assert_eq!((stats.read, stats.stored), (1, 2), "only the lost one was read again: {stats:?}");
    assert_eq!(picture(&second.join("_data")), picture(&scene.live("")));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    assert_eq!(rfs::statat(CWD, second.join("_data/b"), flags).unwrap().st_nlink, 2);
    if filled.is_some() {
        let inode = |home: &Path| home.join("_data/a").metadata().unwrap().ino();
        assert_ne!(inode(&first), inode(&second));
        let (third, stats) = scene.snapshot(Some(&second));
        assert_eq!((stats.read, inode(&third)), (0, inode(&second)), "and is found again");
    }
}

#[test]
fn a_damaged_manifest_only_means_that_all_is_read() {
    let scene = Scene::new();
    scene.write("a", b"aaaa");
    settle();
    let (first, _) = scene.snapshot(None);
    File::create(first.join(manifest::FILE)).unwrap().write_all(b"STEADMF\nrubbish").unwrap();
    let (second, stats) = scene.snapshot(Some(&first));
    assert_eq!((stats.read, stats.stored), (1, 0), "{stats:?}");
    assert_eq!(picture(&second.join("_data")), picture(&scene.live("")));
}
