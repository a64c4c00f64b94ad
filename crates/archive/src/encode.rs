//! Tar headers: ustar, with a PAX header in front wherever ustar is too small.

use crate::acl;
use crate::decode::Segment;

/// The unit of a tar stream.
pub(crate) const BLOCK: usize = 512;

/// The type letter of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    Regular,
    /// Another name of an earlier member.
    HardLink,
    /// A symlink.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Self::Regular => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::Char => b'3',
            Self::Block => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
        }
    }
}

/// One member, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path in the archive; a directory's ends in `/` when written.
    pub(crate) name: Vec<u8>,
    /// What it is.
    pub(crate) kind: Kind,
    /// Permission bits, with set-uid, set-gid and sticky.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Bytes of content in the stream.
    pub(crate) size: u64,
    /// Modification time: seconds and nanoseconds.
    pub(crate) mtime: (i64, u32),
    /// Target of a link.
    pub(crate) link: Vec<u8>,
    /// Device numbers.
    pub(crate) device: (u32, u32),
    /// Extended attributes.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Largest numbers that fit the octal fields.
const SIZE_MAX: u64 = 0o777_7777_7777;
const ID_MAX: u32 = 0o777_7777;

/// The header blocks of a member.
pub(crate) fn header(member: &Member) -> Vec<u8> {
    with_records(member, Vec::new())
}

/// The header blocks of a file of which only parts follow, and the map that stands before them: GNU's format 1.0, which GNU tar, libarchive and
/// Go (so Docker and Podman) read.
pub(crate) fn header_with_holes(member: &Member, parts: &[Segment]) -> Vec<u8> {
    let mut map = format!("{}\n", parts.len()).into_bytes();
    for part in parts {
        map.extend_from_slice(format!("{}\n{}\n", part.offset, part.length).as_bytes());
    }
    map.resize(map.len().next_multiple_of(BLOCK), 0);
    let mut records = Vec::new();
    record(&mut records, b"GNU.sparse.major", b"1");
    record(&mut records, b"GNU.sparse.minor", b"0");
    record(&mut records, b"GNU.sparse.name", &member.name);
    record(&mut records, b"GNU.sparse.realsize", member.size.to_string().as_bytes());
    let carried: u64 = parts.iter().map(|part| part.length).sum();
    let stand_in = Member { name: b"GNUSparseFile.0/file".to_vec(), size: map.len() as u64 + carried, ..member.clone() };
    let mut blocks = with_records(&stand_in, records);
    blocks.extend(map);
    blocks
}

fn with_records(member: &Member, mut records: Vec<u8>) -> Vec<u8> {
    let plain = |bytes: &[u8], most: usize| bytes.len() <= most && bytes.is_ascii();
    if !plain(&member.name, 100) {
        record(&mut records, b"path", &member.name);
    }
    if !plain(&member.link, 100) {
        record(&mut records, b"linkpath", &member.link);
    }
    if member.size > SIZE_MAX {
        record(&mut records, b"size", member.size.to_string().as_bytes());
    }
    if member.uid > ID_MAX {
        record(&mut records, b"uid", member.uid.to_string().as_bytes());
    }
    if member.gid > ID_MAX {
        record(&mut records, b"gid", member.gid.to_string().as_bytes());
    }
    let in_ustar = u64::try_from(member.mtime.0).is_ok_and(|seconds| seconds <= SIZE_MAX);
    if member.mtime.1 != 0 || !in_ustar {
        record(&mut records, b"mtime", decimal_time(member.mtime).as_bytes());
    }
    for (name, value) in &member.xattrs {
        record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        if let Some((_, key)) = acl::FORMS.iter().find(|(attribute, _)| attribute == name)
            && let Some(text) = acl::to_text(value)
        {
            record(&mut records, key, text.as_bytes());
        }
    }
    let mut blocks = Vec::with_capacity(3 * BLOCK);
    if !records.is_empty() {
        blocks.extend(ustar(b"PaxHeaders.0/pax", b'x', 0o644, records.len() as u64, None));
        blocks.extend_from_slice(&records);
        blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
    }
    blocks.extend(ustar(&member.name, member.kind.letter(), member.mode, member.size.min(SIZE_MAX), Some(member)));
    blocks
}

/// Seconds with a fraction; before the epoch the fraction counts backwards, as PAX has it.
fn decimal_time((seconds, nanos): (i64, u32)) -> String {
    if nanos == 0 {
        return seconds.to_string();
    }
    let (sign, whole, part) = if seconds < 0 { ("-", -(seconds + 1), 1_000_000_000 - nanos) } else { ("", seconds, nanos) };
    format!("{sign}{whole}.{part:09}").trim_end_matches('0').to_owned()
}

/// One PAX record: its length counts itself.
fn record(into: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    into.extend_from_slice(length.to_string().as_bytes());
    into.push(b' ');
    into.extend_from_slice(key);
    into.push(b'=');
    into.extend_from_slice(value);
    into.push(b'\n');
}

fn ustar(name: &[u8], letter: u8, mode: u32, size: u64, member: Option<&Member>) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    let mut put = |at: usize, most: usize, bytes: &[u8]| {
        let length = bytes.len().min(most);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, name);
    put(100, 8, format!("{mode:07o}").as_bytes());
    put(108, 8, format!("{:07o}", member.map_or(0, |m| m.uid).min(ID_MAX)).as_bytes());
    put(116, 8, format!("{:07o}", member.map_or(0, |m| m.gid).min(ID_MAX)).as_bytes());
    put(124, 12, format!("{size:011o}").as_bytes());
    let seconds = member.map_or(0, |m| u64::try_from(m.mtime.0).unwrap_or(0)).min(SIZE_MAX);
    put(136, 12, format!("{seconds:011o}").as_bytes());
    put(148, 8, b"        ");
    put(156, 1, &[letter]);
    put(157, 100, member.map_or(b"".as_slice(), |m| &m.link));
    put(257, 8, b"ustar\x0000");
    let device = member.map_or((0, 0), |m| m.device);
    put(329, 8, format!("{:07o}", device.0.min(ID_MAX)).as_bytes());
    put(337, 8, format!("{:07o}", device.1.min(ID_MAX)).as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::{decimal_time, record};

    #[test]
    fn record_lengths_count_themselves() {
        for value in [1usize, 5, 84, 85, 86, 980, 990, 995, 9990] {
            let mut bytes = Vec::new();
            record(&mut bytes, b"path", &vec![b'a'; value]);
            let said: usize = std::str::from_utf8(&bytes).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, bytes.len());
        }
    }

    #[test]
    fn times_have_a_sign_and_a_fraction() {
        assert_eq!(decimal_time((5, 0)), "5");
        assert_eq!(decimal_time((5, 500_000_000)), "5.5");
        assert_eq!(decimal_time((5, 7)), "5.000000007");
        assert_eq!(decimal_time((-2, 500_000_000)), "-1.5");
        assert_eq!(decimal_time((-1, 0)), "-1");
    }
}
