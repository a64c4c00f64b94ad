//! Manifests survive any name and no damage.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Entry, FILE, Header, Kind, Meta, Reader, Stamp, Writer, order};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/var/tmp/stead-manifest-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let parent = File::open(self.0.parent().unwrap()).unwrap();
        stead_sys::tree::remove_tree(&parent, self.0.file_name().unwrap()).unwrap();
    }
}

fn entry(path: &[u8], n: u32) -> Entry {
    let meta = Meta {
        kind: if n.is_multiple_of(3) { Kind::Directory } else { Kind::File },
        mode: 0o4755,
        uid: u32::MAX,
        gid: n,
        size: u64::from(n) << 33,
        rdev: 0x1234_5678_9abc,
        mtime: Stamp(-5, 999_999_999),
        ctime: Stamp(1 << 40, n),
        ino: u64::MAX,
        links: 3,
    };
    let digest = |seed: u8| -> [u8; 32] { std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i.to_le_bytes()[0])) };
    Entry {
        path: path.to_vec(),
        meta,
        settled: n.is_multiple_of(2),
        xattrs: (n.is_multiple_of(5)).then(|| digest(7)),
        target: if n.is_multiple_of(7) { b"\xff/../x".to_vec() } else { Vec::new() },
        hash: (!n.is_multiple_of(3)).then(|| digest(n.to_le_bytes()[0])),
        variant: n,
    }
}

fn write(dir: &Path, entries: &[Entry]) {
    let mut writer = Writer::new(File::open(dir).unwrap(), &Header::new(Stamp(77, 0), "copy")).unwrap();
    for entry in entries {
        writer.add(entry).unwrap();
    }
    writer.finish().unwrap();
}

fn put(path: &Path, bytes: &[u8]) {
    std::io::Write::write_all(&mut File::create(path).unwrap(), bytes).unwrap();
}

fn read(path: &Path) -> stead_sys::Result<Vec<Entry>> {
    let mut reader = Reader::open(path)?.expect("it is there");
    let mut all = Vec::new();
    while let Some(entry) = reader.next()? {
        all.push(entry);
    }
    Ok(all)
}

fn some() -> Vec<Entry> {
    let mut paths: Vec<Vec<u8>> = (0..300u32).map(|n| format!("d{}/file-{n}", n % 9).into_bytes()).collect();
    paths.extend([b"".to_vec(), b"a".to_vec(), b"a/b".to_vec(), b"a.b".to_vec(), b"a\xff\n".to_vec(), b"a/\x01".to_vec()]);
    paths.sort_by(|a, b| order(a, b));
    (0u32..).zip(&paths).map(|(n, path)| entry(path, n)).collect()
}

#[test]
fn what_is_written_is_read() {
    let dir = Dir::new("whole");
    assert!(Reader::open(&dir.file()).unwrap().is_none());
    write(&dir.0, &some());
    assert_eq!(read(&dir.file()).unwrap(), some());
    assert_eq!(Reader::open(&dir.file()).unwrap().unwrap().header().started_s, 77);
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let dir = Dir::new("damage");
    write(&dir.0, &some());
    let good = std::fs::read(dir.file()).unwrap();
    for at in (0..good.len()).step_by(97).chain([0, 8, good.len() - 1]) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        put(&dir.file(), &bad);
        assert!(read(&dir.file()).is_err(), "byte {at}");
        put(&dir.file(), &good[..at]);
        assert!(read(&dir.file()).is_err(), "cut at {at}");
    }
}

#[test]
fn a_directory_comes_before_what_is_in_it_and_names_that_continue_it_come_after() {
    let mut paths: Vec<&[u8]> = vec![b"a.b", b"a", b"a/z/y", b"a/b", b"", b"a/z", b"a-", b"b", b"a\x01"];
    paths.sort_by(|a, b| order(a, b));
    assert_eq!(paths, [&b""[..], b"a", b"a/b", b"a/z", b"a/z/y", b"a\x01", b"a-", b"a.b", b"b"]);
}
