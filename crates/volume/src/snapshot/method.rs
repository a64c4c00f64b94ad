//! The ways to take a snapshot, which one a place allows, and how content is had back from each.
//!
//! A method puts `_data` (and what else it needs, e.g. `manifest`) into the staged directory of a snapshot. It never changes the source,
//! never shares anything with it that a writer could change, and needs no lock of its own: the volume's lock is held from `prepare` to the end.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use stead_sys::copy::{self, CopyOptions, CopyStats};
use stead_sys::statfs::{self, FsKind};
use stead_sys::{btrfs, durable, tree, xattr};

use super::shared;

type Result<T, E = stead_sys::Error> = std::result::Result<T, E>;

/// The content's name, in a volume and in a snapshot.
pub(crate) const DATA: &CStr = c"_data";

/// How a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// A read-only snapshot of the btrfs subvolume that the content is: milliseconds, whatever it holds.
    #[serde(rename = "subvolume")]
    Subvolume,
    /// A tree of its own whose files are clones (`FICLONE`) of the content's: no data is copied.
    #[serde(rename = "reflink")]
    Reflink,
    /// A tree of hard links to immutable objects of the area, named by their content; what did not change since the last one is not read.
    #[serde(rename = "copy")]
    Shared,
}

impl Method {
    /// As `volume inspect` shows it: `subvolume`, `reflink`, `copy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subvolume => "subvolume",
            Self::Reflink => "reflink",
            Self::Shared => "copy",
        }
    }
}

/// Where a snapshot is being made.
#[derive(Debug)]
pub(crate) struct Site {
    /// The content, open for reading.
    pub source: OwnedFd,
    /// The staged directory, which becomes `snapshots/NAME`.
    pub staged: OwnedFd,
    /// The same, for calls by path.
    pub staged_path: PathBuf,
    /// The area: the directory of all volumes of this file system, with `.objects` and `.staging` in it.
    pub area: PathBuf,
    /// The directory of the volume's newest snapshot with [`Method::Shared`].
    pub previous: Option<PathBuf>,
}

/// What a method has from `prepare` for `take`.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// Nothing.
    Nothing,
    /// What the shared method found.
    Shared(Box<shared::Prepared>),
}

/// What a method has from `take` for `flush`. It lives until the snapshot is published.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Nothing.
    Nothing,
    /// What the shared method saw, of which it makes the tree when the users go on.
    Shared(Box<shared::Unfinished>),
}

/// What is in a snapshot; `None` where nobody looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Sum of the sizes of its regular files, hard links counted once.
    pub bytes: Option<u64>,
    /// Names in it.
    pub entries: Option<u64>,
}

impl From<CopyStats> for Stats {
    fn from(copied: CopyStats) -> Self {
        Self { bytes: Some(copied.bytes), entries: Some(copied.files + copied.directories) }
    }
}

/// Everything that can be done while the volume is written to, so that [`take`] is short.
pub(crate) fn prepare(method: Method, site: &Site) -> Result<Prepared> {
    match method {
        Method::Shared => shared::prepare(site).map(|prepared| Prepared::Shared(Box::new(prepared))),
        Method::Subvolume | Method::Reflink => {
            // What is dirty now is written now, and not while everybody waits.
            durable::sync_fs(&site.source, &site.staged_path)?;
            Ok(Prepared::Nothing)
        }
    }
}

/// Takes the state; the users of the volume stand still. Not durable: [`flush`] follows when they go on.
pub(crate) fn take(method: Method, site: &Site, prepared: Prepared) -> Result<(Stats, Taken)> {
    match (method, prepared) {
        (Method::Shared, Prepared::Shared(prepared)) => {
            shared::take(site, *prepared).map(|unfinished| (Stats::default(), Taken::Shared(Box::new(unfinished))))
        }
        (Method::Subvolume, _) => {
            btrfs::snapshot(&site.source, &site.staged, DATA, true)?;
            Ok((Stats::default(), Taken::Nothing))
        }
        (Method::Reflink | Method::Shared, _) => {
            let data = plain_data(&site.staged, &site.staged_path)?;
            Ok((copy::copy_tree(site.source.as_fd(), data.as_fd(), &CopyOptions::default())?.into(), Taken::Nothing))
        }
    }
}

/// Makes what was taken durable, and `stats` complete.
pub(crate) fn flush(method: Method, site: &Site, taken: &mut Taken, stats: &mut Stats) -> Result<()> {
    match (method, taken) {
        (_, Taken::Shared(unfinished)) => {
            *stats = unfinished.finish(site)?;
            Ok(())
        }
        // The kernel committed it.
        (Method::Subvolume, Taken::Nothing) => Ok(()),
        (Method::Reflink | Method::Shared, Taken::Nothing) => durable::sync_fs(&site.staged, &site.staged_path),
    }
}

/// Makes `_data` in `target`, with the content of the snapshot whose directory is `snapshot`: writable, nothing shared that a writer could change,
/// durable.
pub(crate) fn restore(method: Method, snapshot: &Path, target: &Path) -> Result<()> {
    let (from, to) = (open(snapshot)?, open(target)?);
    let content = tree::open_dir(&from, DATA).map_err(|e| stead_sys::Error::new("open", snapshot.join("_data"), e))?;
    if method == Method::Shared {
        let data = make_data(&to, target, Kind::Best)?;
        shared::restore(&from, &content, &data)?;
        return durable::sync_fs(&to, target);
    }
    duplicate_into(&content, &to, target)
}

/// The content of the snapshot in the directory `snapshot`, into the empty `data` of another file system. Not flushed.
pub(crate) fn restore_into(method: Method, snapshot: &Path, data: &OwnedFd) -> Result<()> {
    let from = open(snapshot)?;
    let content = tree::open_dir(&from, DATA).map_err(|e| stead_sys::Error::new("open", snapshot.join("_data"), e))?;
    if method == Method::Shared {
        return shared::restore(&from, &content, data);
    }
    copy::copy_tree(content.as_fd(), data.as_fd(), &CopyOptions::default()).map(drop)
}

/// The content of a directory that nobody changes meanwhile, into the empty `data` of another file system. Not flushed.
pub(crate) fn duplicate_content(content: &Path, data: &OwnedFd) -> Result<()> {
    copy::copy_tree(open(content)?.as_fd(), data.as_fd(), &CopyOptions::default()).map(drop)
}

/// Makes `_data` in `target`, with the content of the directory `content`, which nobody changes meanwhile: by a subvolume's snapshot, by clones of
/// its files or by copying, whichever is possible; durable.
pub(crate) fn duplicate(content: &Path, target: &Path) -> Result<()> {
    duplicate_into(&open(content)?, &open(target)?, target)
}

fn duplicate_into(content: &OwnedFd, to: &OwnedFd, target: &Path) -> Result<()> {
    if between(content, to) == Method::Subvolume {
        btrfs::snapshot(content, to, DATA, false)?;
        return fs::fsync(to).map_err(|e| stead_sys::Error::new("fsync", target, e));
    }
    let data = make_data(to, target, Kind::Best)?;
    copy::copy_tree(content.as_fd(), data.as_fd(), &CopyOptions { threads: 0, durable: true })?;
    fs::fsync(to).map_err(|e| stead_sys::Error::new("fsync", target, e))
}

/// How a snapshot of the content at `content` would be made below `home`.
pub(crate) fn look(content: &Path, home: &Path) -> Method {
    match (open(content), open(home)) {
        (Ok(content), Ok(home)) => between(&content, &home),
        _ => Method::Shared,
    }
}

/// The best method from one open directory into another.
pub(crate) fn between(content: &OwnedFd, to: &OwnedFd) -> Method {
    let kind = |fd: &OwnedFd| statfs::of(fd, Path::new("")).map(|info| info.kind).ok();
    match kind(to) {
        // No file of these can be cloned; it need not be tried out.
        None | Some(FsKind::Ext | FsKind::Tmpfs) => Method::Shared,
        Some(FsKind::Btrfs) => {
            if !btrfs::is_same(content, to) {
                Method::Shared
            // The places of subvolumes inside would be empty in a snapshot; where that can not be known it is not risked.
            } else if btrfs::is_subvolume(content) && matches!(btrfs::has_children(content), Ok(false)) {
                Method::Subvolume
            } else {
                Method::Reflink
            }
        }
        Some(_) => {
            let device = |fd: &OwnedFd| fs::fstat(fd).map(|stat| stat.st_dev).ok();
            if device(content) == device(to) && clones(to) { Method::Reflink } else { Method::Shared }
        }
    }
}

/// Whether files can be cloned here, tried with two that have no name.
fn clones(dir: &OwnedFd) -> bool {
    let nameless = || fs::openat(dir, c".", OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    matches!((nameless(), nameless()), (Ok(a), Ok(b)) if fs::ioctl_ficlone(&a, &b).is_ok())
}

/// What a new `_data` is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A subvolume where that is possible.
    Best,
    /// A directory.
    Directory,
}

/// Makes the empty `_data` of a new volume in its staged directory, mode 0755: a subvolume where the file system has them. Not durable by itself.
pub(crate) fn fresh_data(target: &Path) -> Result<OwnedFd> {
    make_data(&open(target)?, target, Kind::Best)
}

/// Makes an empty `_data` that is a directory: in snapshots whose method makes a tree.
pub(super) fn plain_data(dir: &OwnedFd, shown: &Path) -> Result<OwnedFd> {
    make_data(dir, shown, Kind::Directory)
}

fn make_data(dir: &OwnedFd, shown: &Path, kind: Kind) -> Result<OwnedFd> {
    let failed = |op: &'static str| move |e: Errno| stead_sys::Error::new(op, shown.join("_data"), e);
    if kind == Kind::Best && btrfs::is_btrfs(dir) {
        btrfs::create(dir, DATA)?;
    } else {
        fs::mkdirat(dir, DATA, Mode::RWXU).map_err(failed("mkdir"))?;
    }
    let data = tree::open_dir(dir, DATA).map_err(failed("open"))?;
    // What the parent hands down is nobody's wish.
    xattr::clear_default_acl(&data, shown)?;
    fs::fchmod(&data, Mode::from_raw_mode(0o755)).map_err(failed("chmod"))?;
    Ok(data)
}

pub(crate) fn open(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", path, e))
}
