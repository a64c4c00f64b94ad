//! The store of objects of one area: `.objects/XX/NAME`, each a file with content and attributes as a snapshot has it, never changed.
//!
//! An object gets its name only when its content is on the disk, so that whatever has a name can be believed after a power cut.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{self, AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use stead_sys::lock::Lock;
use stead_sys::xattr::{self, Place};
use stead_sys::{Error, Result, durable, tree};

use super::super::manifest::{Digest, Entry, Kind, Meta, Stamp};
use super::super::scan::Attribute;

/// Name of the store below an area.
pub(crate) const DIRECTORY: &str = ".objects";
/// Objects that have no name yet.
pub(super) const NEW: &str = ".new";
/// Held shared by whoever makes a snapshot, exclusively by whoever collects.
pub(super) const LOCK: &str = ".lock";

/// The store, with the lock that keeps its objects: none is collected while it lives.
#[derive(Debug)]
pub(crate) struct Objects {
    dir: OwnedFd,
    path: PathBuf,
    /// Part of the names of this session's new objects.
    session: String,
    count: AtomicU64,
    _keeps: Lock,
}

impl Objects {
    /// Opens the store of the area at `area`, and makes it on first use.
    pub(crate) fn open(area: &Path) -> Result<Self> {
        let path = area.join(DIRECTORY);
        if !path.join(NEW).is_dir() {
            durable::create_dir_all(&path.join(NEW), 0o700)?;
        }
        // Set-uid files of anybody's may lie in it.
        fs::chmod(&path, Mode::RWXU).map_err(|e| Error::new("chmod", &path, e))?;
        let keeps = Lock::shared(&path.join(LOCK))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = fs::open(&path, flags, Mode::empty()).map_err(|e| Error::new("open", &path, e))?;
        Ok(Self { dir, path, session: durable::unique_name()?, count: AtomicU64::new(0), _keeps: keeps })
    }

    /// Whether there is an object of this name that looks like `meta`.
    pub(super) fn has(&self, name: &Name, meta: &Meta) -> bool {
        let stat = fs::statat(&self.dir, name.path().as_c_str(), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| {
            let there = Meta::of(&stat);
            (there.kind, there.mode, there.uid, there.gid, there.size, there.mtime)
                == (Kind::File, meta.mode, meta.uid, meta.gid, meta.size, meta.mtime)
        })
    }

    /// A new, empty, nameless object.
    pub(super) fn begin(&self) -> Result<New> {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        let name = c_string(format!("{NEW}/{}-{n}", self.session));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.dir, &*name, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Error::new("create", self.shown(&name), e))?;
        Ok(New { fd, name })
    }

    /// Opens an object for reading.
    pub(super) fn read(&self, name: &Name) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = name.path();
        fs::openat(&self.dir, &*name, flags, Mode::empty()).map_err(|e| Error::new("open", self.shown(&name), e))
    }

    /// Opens a nameless object for reading.
    pub(super) fn read_new(&self, new: &CString) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(&self.dir, &**new, flags, Mode::empty()).map_err(|e| Error::new("open", self.shown(new), e))
    }

    /// Takes the name of a damaged object away, so that no further snapshot links it. Those that have it keep it.
    pub(crate) fn forget(&self, entry: &Entry) {
        let Some(hash) = &entry.hash else { return };
        let name = Name(key(&entry.meta, entry.xattrs.as_ref(), hash), entry.variant);
        // What can not be unlinked is found by the next scrub again.
        fs::unlinkat(&self.dir, &*name.path(), AtFlags::empty()).ok();
    }

    /// Takes a nameless object back.
    pub(super) fn drop_new(&self, new: &CString) {
        // What stays is collected later.
        fs::unlinkat(&self.dir, &**new, AtFlags::empty()).ok();
    }

    /// Everything written so far is on the disk.
    pub(super) fn flush(&self) -> Result<()> {
        durable::sync_fs(&self.dir, &self.path)
    }

    /// Gives an object that is on the disk its name. Whoever was faster had the same content.
    pub(super) fn publish(&self, new: &CString, name: &Name) -> Result<()> {
        let to = name.path();
        let failed = |op| move |e: Errno| Error::new(op, self.path.join(to_path(&name.path())), e);
        for _ in 0..2 {
            let renamed = match fs::renameat_with(&self.dir, &**new, &self.dir, &*to, RenameFlags::NOREPLACE) {
                // A file system without this kind of rename: a link replaces nothing either.
                Err(Errno::INVAL) => fs::linkat(&self.dir, &**new, &self.dir, &*to, AtFlags::empty())
                    .and_then(|()| fs::unlinkat(&self.dir, &**new, AtFlags::empty())),
                other => other,
            };
            match renamed {
                Err(Errno::EXIST) => {
                    self.drop_new(new);
                    return Ok(());
                }
                Err(Errno::NOENT) => match fs::mkdirat(&self.dir, &*name.shard(), Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(failed("mkdir")(e)),
                },
                other => return other.map_err(failed("rename")),
            }
        }
        Err(failed("rename")(Errno::NOENT))
    }

    /// Makes `to` in `dir` a further name of the object.
    pub(super) fn link(&self, name: &Name, dir: BorrowedFd<'_>, to: &CString) -> rustix::io::Result<()> {
        fs::linkat(&self.dir, &*name.path(), dir, &**to, AtFlags::empty())
    }

    fn shown(&self, name: &CString) -> PathBuf {
        self.path.join(to_path(name))
    }
}

/// An object in the making.
#[derive(Debug)]
pub(super) struct New {
    pub(super) fd: OwnedFd,
    pub(super) name: CString,
}

impl New {
    /// Gives it its attributes, when it has its content. Those the file system does not have are taken out of `attributes`.
    pub(super) fn finish(&self, meta: &Meta, attributes: &mut Vec<Attribute>, shown: &Path) -> Result<()> {
        dress(self.fd.as_fd(), meta, attributes, shown)
    }
}

/// Owner, attributes, mode and times, in the only order in which none undoes another.
pub(super) fn dress(fd: BorrowedFd<'_>, meta: &Meta, attributes: &mut Vec<Attribute>, shown: &Path) -> Result<()> {
    fs::fchown(fd, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid))).map_err(|e| Error::new("chown", shown, e))?;
    let mut refused = None;
    attributes.retain(|(name, value)| match xattr::set_where_it_can(Place::File(fd), name, value, shown) {
        Ok(has) => has,
        Err(e) => {
            refused.get_or_insert(e);
            false
        }
    });
    if let Some(e) = refused {
        return Err(e);
    }
    fs::fchmod(fd, Mode::from_raw_mode(meta.mode)).map_err(|e| Error::new("chmod", shown, e))?;
    fs::futimens(fd, &times(meta.mtime)).map_err(|e| Error::new("utimens", shown, e))
}

/// The last change; the last access too, because nobody asks when a copy was read.
pub(super) fn times(mtime: Stamp) -> Timestamps {
    let time = Timespec { tv_sec: mtime.0, tv_nsec: mtime.1.into() };
    Timestamps { last_access: time, last_modification: time }
}

/// The digest of attributes, `None` for none.
pub(crate) fn digest_of(attributes: &[Attribute]) -> Option<Digest> {
    if attributes.is_empty() {
        return None;
    }
    let mut sum = Sha256::new_with_prefix(b"stead attributes 1\0");
    for (name, value) in attributes {
        for part in [name.as_bytes(), value] {
            sum.update(u64::try_from(part.len()).unwrap_or(0).to_le_bytes());
            sum.update(part);
        }
    }
    Some(sum.finalize().into())
}

/// What an object is named after: its content and all its attributes.
pub(super) fn key(meta: &Meta, xattrs: Option<&Digest>, hash: &Digest) -> Digest {
    let mut sum = Sha256::new_with_prefix(b"stead object 1\0");
    for n in [meta.mode, meta.uid, meta.gid, meta.mtime.1] {
        sum.update(n.to_le_bytes());
    }
    sum.update(meta.mtime.0.to_le_bytes());
    sum.update(meta.size.to_le_bytes());
    sum.update(xattrs.map_or(&[0; 32], |digest| digest));
    sum.update(hash);
    sum.finalize().into()
}

/// The name of an object: its key, and which of several equal ones it is. Within one snapshot an object stands for one file only, so that
/// two files that are equal by chance are not taken for one with two names; and a file system has only so many links for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) Digest, pub(super) u32);

impl Name {
    fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut out, byte| {
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
            out
        })
    }

    fn path(self) -> CString {
        let hex = self.hex();
        c_string(if self.1 == 0 { format!("{}/{hex}", &hex[..2]) } else { format!("{}/{hex}.{}", &hex[..2], self.1) })
    }

    fn shard(self) -> CString {
        c_string(self.hex()[..2].to_owned())
    }
}

fn c_string(text: String) -> CString {
    // Digits, dots and slashes only.
    CString::new(text).unwrap_or_default()
}

fn to_path(name: &CString) -> PathBuf {
    PathBuf::from(name.to_string_lossy().as_ref())
}

/// Opens the directory `path` below `root` as the walks do.
pub(super) fn open_dir(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    let path = super::super::scan::as_path(path);
    tree::open_below(root, path).map_err(|e| Error::new("open", path, e))
}
