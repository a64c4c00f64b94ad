//! The mount table of this process: `/proc/self/mountinfo`, read and understood.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the mount; may be used again after it ended.
    pub id: u64,
    /// Id of the mount it sits on.
    pub parent: u64,
    /// Device number, major and minor.
    pub device: (u32, u32),
    /// Path inside the file system that is the mount's root.
    pub root: PathBuf,
    /// Where it is mounted, as seen from this process's root.
    pub mount_point: PathBuf,
    /// Per-mount options.
    pub options: String,
    /// Peer group it shares events with.
    pub shared: Option<u64>,
    /// Peer group it receives events from.
    pub master: Option<u64>,
    /// Type of the file system.
    pub fstype: String,
    /// Device, server or whatever the file system calls its source.
    pub source: OsString,
    /// Options of the file system.
    pub super_options: String,
}

/// Of the thread, which may be in another mount namespace than the process's first one.
const TABLE: &str = "/proc/thread-self/mountinfo";

/// Reads the table.
///
/// # Errors
/// As reading the file; a line that cannot be understood is `InvalidData`.
pub fn read() -> Result<Vec<Entry>> {
    let bytes = std::fs::read(TABLE).map_err(|e| Error::new("read", TABLE, e))?;
    parse(&bytes).ok_or_else(|| Error::new("parse", TABLE, std::io::Error::from(ErrorKind::InvalidData)))
}

/// Reads a table from its bytes; none if a line has another shape than the kernel's.
pub fn parse(bytes: &[u8]) -> Option<Vec<Entry>> {
    bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(entry).collect()
}

/// The mount a path would be on, judged by its text alone: the longest mount point that contains it, the last one mounted there.
pub fn containing<'t>(table: &'t [Entry], path: &Path) -> Option<&'t Entry> {
    table.iter().filter(|entry| path.starts_with(&entry.mount_point)).max_by_key(|entry| entry.mount_point.components().count())
}

/// Whether something is mounted below an open directory, seen from here. What can not be known counts as yes.
#[must_use]
pub fn has_below(dir: impl AsFd) -> bool {
    let link = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
    match (std::fs::read_link(link), read()) {
        (Ok(path), Ok(table)) => table.iter().any(|entry| entry.mount_point != path && entry.mount_point.starts_with(&path)),
        _ => true,
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    let mut words = line.split(|b| *b == b' ');
    let id = number(words.next()?)?;
    let parent = number(words.next()?)?;
    let device = text(words.next()?)?;
    let (major, minor) = device.split_once(':')?;
    let root = PathBuf::from(unescape(words.next()?));
    let mount_point = PathBuf::from(unescape(words.next()?));
    let options = text(words.next()?)?;
    let (mut shared, mut master) = (None, None);
    for word in words.by_ref() {
        let word = text(word)?;
        match word.split_once(':') {
            Some(("shared", group)) => shared = Some(group.parse().ok()?),
            Some(("master", group)) => master = Some(group.parse().ok()?),
            _ if word == "-" => break,
            _ => {}
        }
    }
    Some(Entry {
        id,
        parent,
        device: (major.parse().ok()?, minor.parse().ok()?),
        root,
        mount_point,
        options,
        shared,
        master,
        fstype: unescape(words.next()?).into_string().ok()?,
        source: unescape(words.next()?),
        super_options: words.next().map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default(),
    })
}

fn text(word: &[u8]) -> Option<String> {
    String::from_utf8(word.to_vec()).ok()
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescape(word: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood() {
        let table = parse(b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/ro\\134ot rw,errors=continue\n").unwrap();
        let entry = &table[0];
        assert_eq!((entry.id, entry.parent, entry.device), (36, 35, (98, 0)));
        assert_eq!(entry.root, Path::new("/mnt1"));
        assert_eq!(entry.mount_point, Path::new("/mnt 2"));
        assert_eq!((entry.shared, entry.master), (Some(7), Some(1)));
        assert_eq!(entry.fstype, "ext3");
        assert_eq!(entry.source, "/dev/ro\\ot");
        assert_eq!(entry.super_options, "rw,errors=continue");
    }

    #[test]
    fn no_optional_fields_and_empty_sources_are_fine() {
        let table = parse(b"1 0 0:2 / / rw - rootfs  rw\n").unwrap();
        assert_eq!((table[0].shared, table[0].master), (None, None));
        assert_eq!(table[0].source, "");
        assert_eq!(parse(b"garbage\n"), None);
    }

    #[test]
    fn the_longest_and_latest_mount_contains_a_path() {
        let line = |id: u32, at: &str| format!("{id} 1 0:{id} / {at} rw - tmpfs t rw\n");
        let text = [line(1, "/"), line(2, "/a"), line(3, "/a/b"), line(4, "/a/b")].concat();
        let table = parse(text.as_bytes()).unwrap();
        for (path, id) in [("/", 1), ("/ab", 1), ("/a/x", 2), ("/a/b", 4), ("/a/b/c/d", 4), ("/a/bc", 2)] {
            assert_eq!(containing(&table, Path::new(path)).unwrap().id, id, "{path}");
        }
    }

    #[test]
    fn the_own_table_is_readable_and_has_a_root() {
        let table = read().unwrap();
        assert!(table.iter().any(|entry| entry.mount_point == Path::new("/")));
    }
}
