//! The passes that read the live tree: `prepare` beside the users, `take` while they hold still.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use stead_sys::statfs::{self, FsKind};
use stead_sys::xattr::{self, Place, Scratch};
use stead_sys::{Error, Result, durable};

use super::super::content;
use super::super::manifest::{Digest, Kind, Meta, Reader, Stamp};
use super::super::scan::{Seen, as_path, scan, threads};
use super::objects::{Name, Objects, digest_of, key, open_dir};

/// The kernel stamps files with a clock that advances in steps of up to 10 ms; this is clearly more.
const STEP_MS: u32 = 40;
/// A time without nanoseconds may be one of a file system that counts seconds.
const SECOND_MS: u32 = 2000;
/// How often `prepare` looks: a file that changed while it looked is taken by the next round, or while the users hold still.
const ROUNDS: u32 = 3;
/// How often a file is read again that changes while it is read.
const READS: u32 = 3;

/// What a snapshot cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Entries that are no directories.
    pub(crate) files: u64,
    /// Directories, the root not counted.
    pub(crate) directories: u64,
    /// Apparent bytes of the files.
    pub(crate) bytes: u64,
    /// Files read because nothing proved them unchanged, and how many of these while the users held still.
    pub(crate) read: u64,
    pub(crate) read_held: u64,
    /// Bytes that were new and are now stored.
    pub(crate) stored: u64,
    /// Files that changed while they were read, to the last attempt: somebody writes who does not hold still.
    pub(crate) unsteady: u64,
}

/// What is known of a live file: when it looked so, it had this content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) meta: Meta,
    pub(super) settled: bool,
    pub(super) xattrs: Option<Digest>,
    pub(super) hash: Digest,
    pub(super) variant: u32,
}

impl Known {
    pub(super) fn key(&self) -> Digest {
        key(&self.meta, self.xattrs.as_ref(), &self.hash)
    }
}

/// The tree as it was while everybody held still; [`Session::finish`] makes a snapshot of it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(super) started: Stamp,
    pub(super) seen: Vec<(Seen, Option<Known>)>,
}

/// A snapshot being made. Objects are kept while it lives: it is dropped when the snapshot has been published.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) objects: Objects,
    known: Mutex<HashMap<u64, Known>>,
    /// Objects of this session by key, not yet named.
    pub(super) fresh: Mutex<HashMap<Digest, CString>>,
    /// Whether times prove anything on the file system of the source.
    pub(super) believes: bool,
    /// When the last flush of [`Session::prepare`] began. None is made while the users stand still: what is read then proves nothing later.
    flushed: Stamp,
    read: AtomicU64,
    stored: AtomicU64,
    unsteady: AtomicU64,
    pub(super) stats: Stats,
}

impl Session {
    /// Begins. `area` holds `.objects`; `before` is the manifest of the volume's last snapshot, if it has one: a damaged one only means that
    /// everything is read.
    pub(crate) fn new(area: &Path, source: BorrowedFd<'_>, before: Option<&Path>) -> Result<Self> {
        let objects = Objects::open(area)?;
        // Where a write through a mapping moves ctime: not in memory, not over a network, not where another process answers.
        let kind = statfs::of(source, Path::new("."))?.kind;
        let believes = matches!(kind, FsKind::Ext | FsKind::Xfs | FsKind::Btrfs);
        let known = before.filter(|_| believes).map(|path| recall(path, &objects)).unwrap_or_default();
        Ok(Self {
            objects,
            known: Mutex::new(known),
            fresh: Mutex::default(),
            believes,
            flushed: Stamp::default(),
            read: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            unsteady: AtomicU64::new(0),
            stats: Stats::default(),
        })
    }

    /// Copies what changed, while the users go on. Changes that it does not see are left to [`Session::take`].
    pub(crate) fn prepare(&mut self, source: BorrowedFd<'_>) -> Result<()> {
        if !self.believes {
            return Ok(());
        }
        for round in 0..ROUNDS {
            let flushed = flush(source)?;
            self.flushed = flushed;
            let (settled, waiting): (Vec<_>, Vec<_>) =
                self.unknown(&scan(source)?).into_iter().partition(|seen| is_settled(seen.meta.ctime, flushed));
            let busy = AtomicBool::new(false);
            self.each(&settled, &|seen, worker| {
                match worker.absorb(self, source, seen, flushed)? {
                    Absorbed::Known(known) if seen.same_device => self.learn(known),
                    Absorbed::Known(_) => {}
                    Absorbed::Gone | Absorbed::Busy(_) => busy.store(true, Ordering::Relaxed),
                }
                Ok(())
            })?;
            if waiting.is_empty() && !busy.into_inner() {
                break;
            }
            if round + 1 < ROUNDS {
                std::thread::sleep(Duration::from_millis(u64::from(STEP_MS) + 10));
            }
        }
        Ok(())
    }

    /// Looks at everything while the users hold still, and copies what changed.
    pub(crate) fn take(&mut self, source: BorrowedFd<'_>) -> Result<Taken> {
        let read = self.read.load(Ordering::Relaxed);
        let (started, flushed) = (Stamp::now(), self.flushed);
        let seen = scan(source)?;
        let changed = self.unknown(&seen);
        let gone = Mutex::new(HashSet::new());
        let latest = Mutex::new(HashMap::new());
        self.each(&changed, &|seen, worker| {
            for attempt in 1..=READS {
                match worker.absorb(self, source, seen, flushed)? {
                    Absorbed::Gone => {
                        lock(&gone).insert(seen.path.clone());
                    }
                    Absorbed::Busy(_) if attempt < READS => continue,
                    Absorbed::Busy(Some(known)) => {
                        self.unsteady.fetch_add(1, Ordering::Relaxed);
                        lock(&latest).insert(identity(seen), Known { settled: false, ..known });
                    }
                    // It has no end that holds still long enough to be read; as if it had vanished.
                    Absorbed::Busy(None) => {
                        self.unsteady.fetch_add(1, Ordering::Relaxed);
                        lock(&gone).insert(seen.path.clone());
                    }
                    Absorbed::Known(known) => {
                        lock(&latest).insert(identity(seen), known);
                    }
                }
                break;
            }
            Ok(())
        })?;
        let (gone, latest) =
            (gone.into_inner().unwrap_or_else(PoisonError::into_inner), latest.into_inner().unwrap_or_else(PoisonError::into_inner));
        let known = lock(&self.known);
        let mut all = Vec::with_capacity(seen.len());
        for mut one in seen {
            if one.meta.kind != Kind::File {
                all.push((one, None));
                continue;
            }
            let found = latest.get(&identity(&one)).or_else(|| known.get(&one.meta.ino));
            if let Some(found) = found
                && !gone.contains(&one.path)
            {
                // As it was when it was read.
                one.meta = Meta { links: one.meta.links, ..found.meta };
                all.push((one, Some(*found)));
            }
        }
        drop(known);
        self.stats.read_held = self.read.load(Ordering::Relaxed) - read;
        self.stats.read = self.read.load(Ordering::Relaxed);
        self.stats.stored = self.stored.load(Ordering::Relaxed);
        self.stats.unsteady = self.unsteady.load(Ordering::Relaxed);
        Ok(Taken { started, seen: all })
    }

    /// The files that nothing proves unchanged, one name each, in the order of their inodes: that is about their order on the disk.
    fn unknown(&self, seen: &[Seen]) -> Vec<Seen> {
        let known = lock(&self.known);
        let is_known = |seen: &Seen| {
            self.believes && seen.same_device && known.get(&seen.meta.ino).is_some_and(|k| k.settled && k.meta.same_moment(&seen.meta))
        };
        let mut left: Vec<Seen> = seen.iter().filter(|s| s.meta.kind == Kind::File && !is_known(s)).cloned().collect();
        drop(known);
        left.sort_by(|a, b| (a.meta.ino, &a.path).cmp(&(b.meta.ino, &b.path)));
        // Another file system's file may have the same number.
        left.dedup_by(|a, b| a.meta.ino == b.meta.ino && a.same_device && b.same_device);
        left
    }

    fn learn(&self, known: Known) {
        lock(&self.known).insert(known.meta.ino, known);
    }

    /// Does something to each on several threads; the first failure ends it.
    fn each(&self, all: &[Seen], act: &(dyn Fn(&Seen, &mut Worker) -> Result<()> + Sync)) -> Result<()> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || {
            let mut worker = Worker::default();
            while let Some(seen) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(e) = act(seen, &mut worker) {
                    lock(&failure).get_or_insert(e);
                    next.store(all.len(), Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads().min(all.len()) {
                scope.spawn(work);
            }
            work();
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for name in lock(&self.fresh).values() {
            self.objects.drop_new(name);
        }
    }
}

/// What the manifest of the last snapshot knows, as far as its objects are still there.
fn recall(path: &Path, objects: &Objects) -> HashMap<u64, Known> {
    let mut known = HashMap::new();
    let Ok(Some(mut reader)) = Reader::open(path) else { return known };
    while let Ok(Some(entry)) = reader.next() {
        let Some(hash) = entry.hash.filter(|_| entry.settled && entry.meta.kind == Kind::File) else { continue };
        let found = Known { meta: entry.meta, settled: true, xattrs: entry.xattrs, hash, variant: entry.variant };
        if objects.has(&Name(found.key(), found.variant), &found.meta) {
            known.insert(entry.meta.ino, found);
        }
    }
    known
}

/// What makes two names two names of one file: their inode number, which says nothing on another file system than the root's.
pub(super) fn identity(seen: &Seen) -> (u64, Vec<u8>) {
    (seen.meta.ino, if seen.same_device { Vec::new() } else { seen.path.clone() })
}

/// Whether a change at `ctime` was clearly before `flushed`.
pub(crate) fn is_settled(ctime: Stamp, flushed: Stamp) -> bool {
    ctime < flushed.minus_ms(if ctime.1 == 0 { SECOND_MS } else { STEP_MS })
}

/// Writes everything back, and tells when that began.
fn flush(source: BorrowedFd<'_>) -> Result<Stamp> {
    let began = Stamp::now();
    durable::sync_fs(source, Path::new("."))?;
    Ok(began)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Absorbed {
    Known(Known),
    /// It is not there any more, or no file any more.
    Gone,
    /// It changed while it was read; what was read, if it could be read to its end.
    Busy(Option<Known>),
}

/// One thread's buffers, and the directory it was in last.
struct Worker {
    buffer: Vec<u8>,
    scratch: Scratch,
    dir: Option<(Vec<u8>, OwnedFd)>,
}

impl Default for Worker {
    fn default() -> Self {
        Self { buffer: content::buffer(), scratch: Scratch::default(), dir: None }
    }
}

impl Worker {
    /// Reads one file; what is new becomes an object without a name.
    fn absorb(&mut self, session: &Session, source: BorrowedFd<'_>, seen: &Seen, flushed: Stamp) -> Result<Absorbed> {
        let shown = as_path(&seen.path);
        let Some(file) = self.open(source, seen)? else { return Ok(Absorbed::Gone) };
        let stat = |file: &OwnedFd| fs::statat(file, c"", AtFlags::EMPTY_PATH).map_err(|e| Error::new("stat", shown, e));
        let status = stat(&file)?;
        let meta = Meta::of(&status);
        if meta.kind != Kind::File {
            return Ok(Absorbed::Gone);
        }
        let mut attributes = xattr::read_all(Place::File(file.as_fd()), &mut self.scratch, shown)?;
        session.read.fetch_add(1, Ordering::Relaxed);
        let sparse = u64::try_from(status.st_blocks).unwrap_or(0).saturating_mul(512) < meta.size;
        // Most often it was only looked at, or touched and put back: then reading is enough.
        let candidate = lock(&session.known).get(&meta.ino).copied().filter(|k| (k.meta.size, k.meta.mtime) == (meta.size, meta.mtime));
        if let Some(candidate) = candidate {
            let hash = self.sum(file.as_fd(), None, meta.size, sparse, shown)?;
            let known = Known {
                meta,
                settled: is_settled(meta.ctime, flushed),
                xattrs: digest_of(&attributes),
                hash: hash.unwrap_or_default(),
                ..candidate
            };
            if hash.is_some() && known.key() == candidate.key() && session.objects.has(&Name(known.key(), known.variant), &meta) {
                return Ok(if Meta::of(&stat(&file)?).same_moment(&meta) { Absorbed::Known(known) } else { Absorbed::Busy(Some(known)) });
            }
        }
        let new = session.objects.begin()?;
        let made = self.sum(file.as_fd(), Some(new.fd.as_fd()), meta.size, sparse, shown).and_then(|hash| {
            new.finish(&meta, &mut attributes, shown)?;
            Ok(hash)
        });
        let hash = match made {
            Ok(Some(hash)) => hash,
            Ok(None) => {
                session.objects.drop_new(&new.name);
                return Ok(Absorbed::Busy(None));
            }
            Err(e) => {
                session.objects.drop_new(&new.name);
                return Err(e);
            }
        };
        let known = Known { meta, settled: is_settled(meta.ctime, flushed), xattrs: digest_of(&attributes), hash, variant: 0 };
        let steady = Meta::of(&stat(&file)?).same_moment(&meta);
        session.keep(new.name, &known);
        Ok(if steady { Absorbed::Known(known) } else { Absorbed::Busy(Some(known)) })
    }

    fn sum(&mut self, from: BorrowedFd<'_>, to: Option<BorrowedFd<'_>>, size: u64, sparse: bool, shown: &Path) -> Result<Option<Digest>> {
        content::digest(from, to, size, sparse, &mut self.buffer).map_err(|(e, op)| Error::new(op, shown, e))
    }

    /// `None` when it is gone. Never waits on a pipe that took the file's place, and leaves no access time.
    fn open(&mut self, source: BorrowedFd<'_>, seen: &Seen) -> Result<Option<OwnedFd>> {
        let (parent, name) = seen.split();
        if self.dir.as_ref().is_none_or(|(path, _)| path != parent) {
            match open_dir(source, parent) {
                Ok(dir) => self.dir = Some((parent.to_vec(), dir)),
                Err(e) if is_gone(&e) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        let Some((_, dir)) = &self.dir else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = match fs::openat(dir, name, flags | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => fs::openat(dir, name, flags, Mode::empty()),
            other => other,
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NOTDIR) => Ok(None),
            Err(e) => Err(Error::new("open", as_path(&seen.path), e)),
        }
    }
}

impl Session {
    /// Keeps a new object, or drops it where there is an equal one.
    fn keep(&self, new: CString, known: &Known) {
        let key = known.key();
        if self.objects.has(&Name(key, 0), &known.meta) {
            return self.objects.drop_new(&new);
        }
        let mut fresh = lock(&self.fresh);
        if fresh.contains_key(&key) {
            drop(fresh);
            return self.objects.drop_new(&new);
        }
        fresh.insert(key, new);
        self.stored.fetch_add(known.meta.size, Ordering::Relaxed);
    }
}

fn is_gone(error: &Error) -> bool {
    [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::XDEV].iter().any(|e| error.errno() == Some(e.raw_os_error()))
}
