//! `volume scrub`: whether a snapshot still is what it was. Everything in it is read from the disk and compared with its manifest; one that has
//! none (only the shared method makes it at once) gets one by the first scrub.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use stead_base::time::Time;

use super::diff::{metadata_differs, stamp};
use super::manifest::{Digest, Entry, FILE, Header, Kind, Reader, Writer, order};
use super::method::{self, Method};
use super::scan::{Seen, threads};
use super::shared::objects::Objects;
use super::side::{Look, Walk, absolute};
use super::{Snapshot, scan};
use crate::error::disk;
use crate::{Result, Volumes};

/// A snapshot younger than this beside a change may have been taken in the moment of the change.
const STEP_MS: u32 = 2000;

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// From the root of the volume, which is `/`; `manifest` for the manifest itself.
    pub path: Vec<u8>,
    /// What is wrong, in one clause.
    pub problem: String,
}

/// What a scrub of one snapshot found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Whether this made its manifest, so that there was nothing to compare with.
    pub recorded: bool,
    /// Names in it.
    pub entries: u64,
    /// Bytes of files that were read.
    pub bytes: u64,
    /// What is damaged, in the order of the paths.
    pub damage: Vec<Damage>,
}

impl Volumes {
    /// Reads all of a snapshot and compares it with its manifest. `record`: only make manifests, where there is no good one.
    /// Bytes that were read are added to `read` as it goes on.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::NoSnapshot`], also when it is removed meanwhile. What can not be read is damage and no error.
    pub fn scrub(&self, volume: &str, snapshot: &str, record: bool, read: &AtomicU64) -> Result<Scrubbed> {
        let snapshot = self.snapshot(volume, snapshot)?;
        let held = self.hold(&format!("{volume}@{}", snapshot.name))?;
        let home = self.snapshot_home(volume, &snapshot.name);
        let failed = disk("scrub", volume);
        let before = read.load(Ordering::Relaxed);
        let mut scrub = Scrub { root: held.root(), read, damage: Mutex::default() };
        let mut recorded = false;
        let mut count = 0;
        match Reader::open(&home.join(FILE)) {
            Ok(Some(_)) if record => {}
            Ok(Some(manifest)) => count = scrub.check(manifest, self, volume, &snapshot),
            Err(e) if !record => scrub.damaged(b"manifest", e.source.to_string()),
            Ok(None) | Err(_) => {
                recorded = true;
                count = scrub.record(&home, &snapshot).map_err(&failed)?;
            }
        }
        let mut damage = std::mem::take(&mut *scrub.damage());
        if !damage.is_empty() {
            // Half of a snapshot that is being deleted is no damage.
            self.snapshot(volume, &snapshot.name)?;
            held.still_there()?;
        }
        damage.sort_by(|a, b| order(&a.path, &b.path));
        Ok(Scrubbed { snapshot, recorded, entries: count, bytes: read.load(Ordering::Relaxed) - before, damage })
    }
}

/// What was read of an entry: the digests of its attributes and of its content.
type Read = (Option<Digest>, Option<Digest>);

struct Scrub<'a> {
    root: BorrowedFd<'a>,
    read: &'a AtomicU64,
    damage: Mutex<Vec<Damage>>,
}

impl Scrub<'_> {
    fn damage(&self) -> std::sync::MutexGuard<'_, Vec<Damage>> {
        self.damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn damaged(&self, path: &[u8], problem: String) {
        self.damage().push(Damage { path: path.to_vec(), problem });
    }

    fn failed(&self, e: &stead_sys::Error) {
        self.damaged(
            &absolute(std::os::unix::ffi::OsStrExt::as_bytes(e.path.as_os_str())),
            format!("it can not be read ({}: {})", e.op, e.source),
        );
    }

    /// Compares the tree with the manifest. Returns how many entries that has.
    fn check(&mut self, mut manifest: Reader, volumes: &Volumes, volume: &str, snapshot: &Snapshot) -> u64 {
        let mut walk = Walk::new(self.root);
        let mut to_read = Vec::new();
        let mut count = 0;
        let (mut noted, mut found) = (self.noted(&mut manifest), self.found(&mut walk));
        loop {
            let ordering = match (&noted, &found) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => order(&a.path, &b.path),
            };
            if ordering.is_lt()
                && let Some(entry) = noted.take()
            {
                self.damaged(&absolute(&entry.path), "it is missing".to_owned());
            } else if ordering.is_gt()
                && let Some(seen) = found.take()
            {
                self.damaged(&absolute(&seen.path), "it is not in the manifest".to_owned());
            } else if let (Some(entry), Some(seen)) = (noted.take(), found.take()) {
                count += 1;
                to_read.extend(self.compare(entry, seen));
            }
            if noted.is_none() && !ordering.is_gt() {
                noted = self.noted(&mut manifest);
            }
            if found.is_none() && !ordering.is_lt() {
                found = self.found(&mut walk);
            }
        }
        let bad: Mutex<Vec<&Entry>> = Mutex::default();
        self.each(&to_read, &|(seen, entry), look| {
            if !self.is_sound(seen, entry, look) {
                bad.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(entry);
            }
        });
        let bad = bad.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if snapshot.method == Method::Shared
            && !bad.is_empty()
            && let Ok(objects) = Objects::open(&volumes.area_of(volume))
        {
            // The next snapshot reads the live file instead of taking a damaged object over.
            bad.iter().for_each(|entry| objects.forget(entry));
        }
        count
    }

    fn noted(&self, manifest: &mut Reader) -> Option<Entry> {
        manifest.next().unwrap_or_else(|e| {
            self.damaged(b"manifest", e.source.to_string());
            None
        })
    }

    fn found(&self, walk: &mut Walk<'_>) -> Option<Seen> {
        loop {
            match walk.next() {
                Ok(found) => return found,
                Err(e) => self.failed(&e),
            }
        }
    }

    /// What can be said without reading it; what is to be read is given back.
    fn compare(&self, entry: Entry, seen: Seen) -> Option<(Seen, Entry)> {
        let mut what = metadata_differs(&entry.meta, &seen.meta);
        if entry.target != seen.target {
            what.push("target");
        }
        if !what.is_empty() {
            self.damaged(&absolute(&seen.path), format!("its {} changed", what.join(", ")));
        }
        (entry.meta.kind == seen.meta.kind && entry.meta.size == seen.meta.size).then_some((seen, entry))
    }

    fn is_sound(&self, seen: &Seen, entry: &Entry, look: &mut Look) -> bool {
        match look.xattrs(self.root, seen) {
            Ok(digest) if digest == entry.xattrs => {}
            Ok(_) => self.damaged(&absolute(&seen.path), "its extended attributes changed".to_owned()),
            Err(e) => {
                self.failed(&e);
                return false;
            }
        }
        let Some(hash) = &entry.hash else { return true };
        let content = look.content(self.root, seen, true);
        self.read.fetch_add(seen.meta.size, Ordering::Relaxed);
        match content {
            Ok(Some(digest)) if digest == *hash => return true,
            Ok(_) => self.damaged(&absolute(&seen.path), "its content is not what it was".to_owned()),
            Err(e) => self.failed(&e),
        }
        false
    }

    /// Makes the manifest. What can not be read is damage, and is not in it.
    fn record(&mut self, home: &Path, snapshot: &Snapshot) -> Result<u64, stead_sys::Error> {
        let mut all = scan::scan(self.root)?;
        all.sort_by(|a, b| order(&a.path, &b.path));
        let all: Vec<(Seen, Mutex<Option<Read>>)> = all.into_iter().map(|seen| (seen, Mutex::default())).collect();
        self.each(&all, &|(seen, known), look| {
            let xattrs = look.xattrs(self.root, seen);
            let hash = if seen.meta.kind == Kind::File { look.content(self.root, seen, true) } else { Ok(None) };
            self.read.fetch_add(seen.meta.size, Ordering::Relaxed);
            match (xattrs, hash) {
                (Ok(xattrs), Ok(hash)) => *known.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((xattrs, hash)),
                (Err(e), _) | (_, Err(e)) => self.failed(&e),
            }
        });
        // Only a subvolume's snapshot has the live files' inode numbers and times, which then prove something to `diff`.
        let taken = stamp(snapshot.created_at).minus_ms(STEP_MS);
        let settled = |seen: &Seen| snapshot.method == Method::Subvolume && seen.same_device && seen.meta.ctime < taken;
        let dir = method::open(home)?;
        let mut writer = Writer::new(&dir, &Header::new(stamp(Time::now()), snapshot.method.as_str()))?;
        let mut count = 0;
        for (seen, known) in all {
            let Some((xattrs, hash)) = known.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) else { continue };
            count += 1;
            let entry = Entry { settled: settled(&seen), path: seen.path, meta: seen.meta, xattrs, target: seen.target, hash, variant: 0 };
            if let Err(e) = writer.add(&entry) {
                writer.abandon();
                return Err(e);
            }
        }
        writer.finish()?;
        rustix::fs::fsync(&dir).map_err(|e| stead_sys::Error::new("fsync", home, e))?;
        Ok(count)
    }

    fn each<'t, T: Sync>(&self, all: &'t [T], act: &(dyn Fn(&'t T, &mut Look) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut look = Look::default();
            while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                act(one, &mut look);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads().min(all.len()) {
                scope.spawn(work);
            }
            work();
        });
    }
}
