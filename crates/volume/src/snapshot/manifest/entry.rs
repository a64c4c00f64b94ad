//! One entry of a manifest, and its bytes.

use std::cmp::Ordering;

use rustix::fs::{FileType, Stat};

use super::Digest;

/// A time of the kernel: seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Stamp(pub(crate) i64, pub(crate) u32);

impl Stamp {
    /// The clock that file systems stamp with.
    pub(crate) fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Self(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    /// So many milliseconds earlier.
    pub(crate) fn minus_ms(self, ms: u32) -> Self {
        let nanos = i64::from(self.1) - i64::from(ms) * 1_000_000;
        Self(self.0 + nanos.div_euclid(1_000_000_000), u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0))
    }

    fn of(seconds: i64, nanos: impl TryInto<u32>) -> Self {
        Self(seconds, nanos.try_into().unwrap_or(0))
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Block,
    Character,
}

impl Kind {
    const ALL: [(u8, Self); 7] = [
        (b'f', Self::File),
        (b'd', Self::Directory),
        (b'l', Self::Symlink),
        (b'p', Self::Fifo),
        (b's', Self::Socket),
        (b'b', Self::Block),
        (b'c', Self::Character),
    ];

    /// The kind behind a mode; what no kernel makes is a pipe, which holds nothing.
    pub(crate) fn of(mode: u32) -> Self {
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::Socket => Self::Socket,
            FileType::BlockDevice => Self::Block,
            FileType::CharacterDevice => Self::Character,
            FileType::Fifo | FileType::Unknown => Self::Fifo,
        }
    }

    /// For mknod.
    pub(crate) fn file_type(self) -> FileType {
        match self {
            Self::File => FileType::RegularFile,
            Self::Directory => FileType::Directory,
            Self::Symlink => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Block => FileType::BlockDevice,
            Self::Character => FileType::CharacterDevice,
        }
    }

    /// Its letter, as in `find -type`.
    pub(crate) fn letter(self) -> u8 {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or(b'?', |(letter, _)| *letter)
    }

    fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.iter().find(|(l, _)| *l == letter).map(|(_, kind)| *kind)
    }

    pub(crate) fn is_device(self) -> bool {
        matches!(self, Self::Block | Self::Character)
    }
}

/// What `stat` tells. Sizes of anything but files, and device numbers of anything but devices, are 0: they are the file system's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    /// Permissions with set-uid, set-gid and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) rdev: u64,
    pub(crate) mtime: Stamp,
    pub(crate) ctime: Stamp,
    pub(crate) ino: u64,
    pub(crate) links: u64,
}

impl Meta {
    pub(crate) fn of(stat: &Stat) -> Self {
        let kind = Kind::of(stat.st_mode);
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
            rdev: if kind.is_device() { stat.st_rdev } else { 0 },
            mtime: Stamp::of(stat.st_mtime, stat.st_mtime_nsec),
            ctime: Stamp::of(stat.st_ctime, stat.st_ctime_nsec),
            ino: stat.st_ino,
            links: stat.st_nlink,
        }
    }

    /// Whether nothing was done to the file between two looks: any change of content or attributes moves its ctime, which nobody sets.
    pub(crate) fn same_moment(&self, other: &Self) -> bool {
        (self.kind, self.ino, self.size, self.mtime, self.ctime) == (other.kind, other.ino, other.size, other.mtime, other.ctime)
    }
}

/// One line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the root, whose own path is empty. Any bytes.
    pub(crate) path: Vec<u8>,
    /// As the live file was; `ino`, `ctime` and `links` are its, not the copy's.
    pub(crate) meta: Meta,
    /// Whether the same `ino`, `size`, `mtime` and `ctime` later prove the same content: the last change was clearly before it was read.
    pub(crate) settled: bool,
    /// Digest of its extended attributes, `None` when it has none.
    pub(crate) xattrs: Option<Digest>,
    /// Where a symbolic link points.
    pub(crate) target: Vec<u8>,
    /// Digest of a file's content.
    pub(crate) hash: Option<Digest>,
    /// Which of several equal objects it is linked to.
    pub(crate) variant: u32,
}

impl Entry {
    /// Appends its bytes; `before` is the path of the entry before it.
    pub(super) fn encode(&self, before: &[u8], out: &mut Vec<u8>) {
        let shared = self.path.iter().zip(before).take_while(|(a, b)| a == b).count();
        let flags = u8::from(self.settled) | u8::from(self.xattrs.is_some()) << 1 | u8::from(self.hash.is_some()) << 2;
        out.extend([self.meta.kind.letter(), flags]);
        number(out, len(shared));
        bytes(out, &self.path[shared..]);
        for n in [self.meta.mode.into(), self.meta.uid.into(), self.meta.gid.into(), self.meta.size, self.meta.rdev] {
            number(out, n);
        }
        for stamp in [self.meta.mtime, self.meta.ctime] {
            number(out, zigzag(stamp.0));
            number(out, stamp.1.into());
        }
        number(out, self.meta.ino);
        number(out, self.meta.links);
        number(out, self.variant.into());
        bytes(out, &self.target);
        for digest in [&self.xattrs, &self.hash].into_iter().flatten() {
            out.extend(digest);
        }
    }

    /// The entry in `from`; `None` when it makes no sense. What follows its last known field is a later version's.
    pub(super) fn decode(before: &[u8], from: &[u8]) -> Option<Self> {
        let mut input = Input(from);
        let [letter, flags] = input.take(2)?.try_into().ok()?;
        let shared = usize::try_from(input.number()?).ok()?;
        let mut path = before.get(..shared)?.to_vec();
        path.extend(input.bytes()?);
        let kind = Kind::of_letter(letter)?;
        let mut meta = Meta {
            kind,
            mode: input.small()?,
            uid: input.small()?,
            gid: input.small()?,
            size: input.number()?,
            rdev: input.number()?,
            mtime: input.stamp()?,
            ctime: input.stamp()?,
            ino: 0,
            links: 0,
        };
        meta.ino = input.number()?;
        meta.links = input.number()?;
        let variant = input.small()?;
        let target = input.bytes()?.to_vec();
        let mut digest = |bit: u8| -> Option<Option<Digest>> {
            if flags & bit == 0 { Some(None) } else { Some(Some(input.take(32)?.try_into().ok()?)) }
        };
        let (xattrs, hash) = (digest(2)?, digest(4)?);
        Some(Self { path, meta, settled: flags & 1 != 0, xattrs, target, hash, variant })
    }
}

/// The order of a walk that shows a directory, then all that is in it, names by their bytes: a slash comes before every other byte.
pub(crate) fn order(a: &[u8], b: &[u8]) -> Ordering {
    let at = a.iter().zip(b).position(|(x, y)| x != y);
    match at {
        None => a.len().cmp(&b.len()),
        Some(at) => rank(a[at]).cmp(&rank(b[at])),
    }
}

fn rank(byte: u8) -> u16 {
    if byte == b'/' { 0 } else { u16::from(byte) + 1 }
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// LEB128: seven bits a byte, the lowest first.
pub(super) fn number(out: &mut Vec<u8>, mut n: u64) {
    loop {
        let low = n.to_le_bytes()[0] & 0x7f;
        n >>= 7;
        if n == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn bytes(out: &mut Vec<u8>, data: &[u8]) {
    number(out, len(data.len()));
    out.extend(data);
}

fn zigzag(n: i64) -> u64 {
    u64::from_ne_bytes(((n << 1) ^ (n >> 63)).to_ne_bytes())
}

fn unzigzag(n: u64) -> i64 {
    i64::from_ne_bytes(((n >> 1) ^ (n & 1).wrapping_neg()).to_ne_bytes())
}

/// Bytes that are taken from the front.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            n |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.number()?).ok()?;
        self.take(n)
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp(unzigzag(self.number()?), self.small()?))
    }
}
