//! What was removed and can still be had back: `.removed/UNTIL-ID/`, each the whole directory of a volume, snapshots and all.
//!
//! `UNTIL` (seconds since the epoch) is the moment from which on a sweep may have it, so that a look at the names alone tells whether
//! anything is due; it was reckoned once, at the removal. `removed.json` beside the sidecar says the rest. Out of here leads one rename:
//! back to a name, or to the trash.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_sys::lock::Lock;
use stead_sys::{durable, tree};

use crate::area::{self, REMOVED};
use crate::record::Volume;
use crate::{Error, Result, Volumes, sidecar, staging, trash};

/// What says why and when.
pub(crate) const NOTE: &str = "removed.json";
/// What its files came to when they were first counted: nobody writes to them any more.
const SIZE: &str = "removed-size";
/// The beginning of an id that is long enough to name one.
const PREFIX_MIN: usize = 6;
/// So long is waited for what others delete, before more goes.
const SWEEP_LIMIT: Duration = Duration::from_secs(60);

/// `removed.json`. Missing when the disk was full; then the directory's name and the sidecar have to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    version: u32,
    name: String,
    removed_at: Option<Time>,
    keep_until: Option<Time>,
    #[serde(default)]
    why: String,
}

/// One removed volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// 32 hexadecimal digits that no other removal ever has.
    pub id: String,
    /// The name it had; empty where neither note nor sidecar can be read.
    pub name: String,
    /// What it was; `None` where its sidecar cannot be read.
    pub volume: Option<Volume>,
    /// When it was removed.
    pub removed_at: Time,
    /// Until when it stays.
    pub keep_until: Time,
    /// What removed it: `volume rm`, `volume prune`, …
    pub why: String,
    /// Its directory.
    pub directory: PathBuf,
}

impl Kept {
    /// Whether a sweep may have it. What its name and its note tell differently stays.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.keep_until <= now
    }

    /// Sum of the sizes of its files in bytes; counted once.
    ///
    /// # Errors
    /// It is gone, or cannot be read.
    pub fn size(&self) -> Result<u64> {
        let known = self.directory.join(SIZE);
        if let Some(bytes) = std::fs::read_to_string(&known).ok().and_then(|text| text.trim().parse().ok()) {
            return Ok(bytes);
        }
        // The content of one with a file system of its own lies in the image, which is mounted nowhere.
        let image = self.directory.join(crate::place::IMAGE);
        let bytes = match crate::pool::allocated(&image) {
            Some(allocated) => allocated,
            None => tree::apparent_size(&self.directory.join("_data"))?,
        };
        // A memory that may be lost: it is counted again.
        durable::replace_unflushed(&known, format!("{bytes}\n").as_bytes(), 0o600).ok();
        Ok(bytes)
    }
}

impl Volumes {
    /// What was removed and can still be had back, the latest first.
    ///
    /// # Errors
    /// The directory can not be read.
    pub fn removed(&self) -> Result<Vec<Kept>> {
        let mut all = Vec::new();
        for area in self.areas() {
            for name in names(&area)? {
                // One that is taken away meanwhile is none.
                all.extend(read(&area.join(REMOVED).join(&name)));
            }
        }
        all.sort_by(|a, b| b.removed_at.cmp(&a.removed_at).then_with(|| b.id.cmp(&a.id)));
        Ok(all)
    }

    /// Those that a word names, the latest first: one by its id or the beginning of it, or all that had the name.
    ///
    /// # Errors
    /// [`Error::NotInTrash`], [`Error::Ambiguous`].
    pub fn removed_as(&self, word: &str) -> Result<Vec<Kept>> {
        let all = self.removed()?;
        let named: Vec<Kept> = all.iter().filter(|kept| kept.name == word || kept.id == word).cloned().collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let begins: Vec<Kept> = all.into_iter().filter(|kept| word.len() >= PREFIX_MIN && kept.id.starts_with(word)).collect();
        match begins.len() {
            0 => Err(Error::NotInTrash { name: word.to_owned() }),
            1 => Ok(begins),
            _ => Err(Error::Ambiguous { prefix: word.to_owned() }),
        }
    }

    /// Whether anything waits to be swept, or may be: names are looked at, nothing is opened.
    ///
    /// # Errors
    /// A directory can not be read.
    pub fn has_trash(&self, now: Time) -> Result<bool> {
        for area in self.areas() {
            if !trash::is_empty(&area)? || staging::is_stale(&area, &self.run_root) {
                return Ok(true);
            }
            if names(&area)?.iter().filter_map(|name| until(name)).any(|until| until <= now) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives what is due to the sweep. Answers what that was.
    ///
    /// # Errors
    /// Something can not be moved; the rest is.
    pub fn expire(&self, now: Time) -> Result<Vec<Kept>> {
        let mut given = Vec::new();
        let mut failure = None;
        for area in self.areas() {
            for name in names(&area)?.into_iter().filter(|name| until(name).is_some_and(|until| until <= now)) {
                let Some(kept) = read(&area.join(REMOVED).join(&name)).filter(|kept| kept.is_due(now)) else { continue };
                match self.forget(&kept) {
                    Ok(true) => given.push(kept),
                    Ok(false) => {}
                    Err(e) => failure = failure.or(Some(e)),
                }
            }
        }
        failure.map_or(Ok(given), Err)
    }

    /// Gives one to the sweep, durably: from here on it can not be had back. Whether this call did it.
    ///
    /// # Errors
    /// [`Error::Foreign`]: the root is not ours. The disk.
    pub fn forget(&self, kept: &Kept) -> Result<bool> {
        if !stead_store::is_ours(&self.root)? {
            return Err(Error::Foreign { root: self.root.path().to_path_buf() });
        }
        match self.discard_from(&kept.directory) {
            Ok(()) => Ok(true),
            Err(e) if e.io_kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Gives the oldest to the sweep, one after the other, while a file system with removed volumes has less than `free` bytes free. What
    /// went is deleted before the next is looked at, so that no more goes than must. Answers what had to go.
    ///
    /// # Errors
    /// Something can not be moved or deleted.
    pub fn relieve(&self, free: u64) -> Result<Vec<Kept>> {
        let mut given = Vec::new();
        if !self.could_relieve(free) {
            return Ok(given);
        }
        // One at a time: two would both see that there is not enough.
        let Some(_turn) = Lock::try_exclusive(&self.run_root.locks().join("volumes-pressure"))? else { return Ok(given) };
        for area in self.areas() {
            while area.is_dir() && self.is_swept()? && durable::free_bytes(&area)? < free {
                let mut here: Vec<Kept> = names(&area)?.iter().filter_map(|name| read(&area.join(REMOVED).join(name))).collect();
                here.sort_by(|a, b| a.removed_at.cmp(&b.removed_at).then_with(|| a.id.cmp(&b.id)));
                let Some(oldest) = here.into_iter().next() else { break };
                if self.forget(&oldest)? {
                    given.push(oldest);
                }
            }
        }
        Ok(given)
    }

    /// Waits until nothing is left to delete, by whomever. False where that takes long or cannot be.
    fn is_swept(&self) -> Result<bool> {
        let end = Instant::now() + SWEEP_LIMIT;
        loop {
            self.sweep()?;
            if self.areas().iter().all(|area| trash::is_empty(area).unwrap_or(false)) {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether [`Volumes::relieve`] would find something to do.
    #[must_use]
    pub fn could_relieve(&self, free: u64) -> bool {
        let is_short = |area: &Path| durable::free_bytes(area).is_ok_and(|bytes| bytes < free);
        self.areas().iter().any(|area| names(area).is_ok_and(|names| !names.is_empty()) && is_short(area))
    }

    /// Deletes what is in the trash: [`trash::sweep`].
    ///
    /// # Errors
    /// As there.
    pub fn sweep(&self) -> Result<u64> {
        let mut deleted = 0;
        let mut failure = self.clear_staging().err();
        for area in self.areas() {
            match trash::sweep(&self.root, &area) {
                Ok(count) => deleted += count,
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(deleted), Err)
    }

    /// Moves a volume's directory here. Its record is gone already. Answers id and until when.
    pub(crate) fn keep(&self, directory: &Path, volume: &Leaving<'_>) -> Result<(String, Time), stead_sys::Error> {
        let area = area::around(directory);
        let removed = area.join(REMOVED);
        staging::make(&removed, 0o700)?;
        let now = self.moment(&removed, volume.created_at);
        let keep_until = Time::from_nanos(now.nanos().saturating_add(volume.keep_nanos));
        let note = Note {
            version: 1,
            name: volume.name.to_owned(),
            removed_at: Some(now),
            keep_until: Some(keep_until),
            why: volume.why.to_owned(),
        };
        let bytes = serde_json::to_vec_pretty(&note).unwrap_or_default();
        match durable::replace_file(&directory.join(NOTE), &bytes, 0o600) {
            // Whoever removes something because the disk is full must not be stopped by that.
            Err(e) if crate::error::is_full(&e) => {}
            other => other?,
        }
        let id = durable::unique_name()?;
        let to = removed.join(format!("{:012}-{id}", ceil_seconds(keep_until)));
        durable::rename_noreplace(directory, &to)?;
        Ok((id, keep_until))
    }

    /// Now, or later where there are signs that the clock was set back: what is removed by a clock of 1970 must not be due when it is right again.
    fn moment(&self, removed: &Path, created_at: Time) -> Time {
        let changed = |path: &Path| {
            let found = path.symlink_metadata().ok()?;
            Some(Time::from_nanos(i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec())))
        };
        let signs = [Some(created_at), changed(removed), changed(&self.root.database())];
        signs.into_iter().flatten().fold(Time::now(), Time::max)
    }

    pub(crate) fn discard_from(&self, directory: &Path) -> Result<(), stead_sys::Error> {
        trash::discard(&area::around(directory), directory)
    }
}

/// What is told of a volume that is moved here.
#[derive(Debug)]
pub(crate) struct Leaving<'a> {
    pub(crate) name: &'a str,
    pub(crate) created_at: Time,
    pub(crate) keep_nanos: i128,
    pub(crate) why: &'a str,
}

/// Takes away what was written at the removal: from a volume that is back, or whose removal did not come about.
pub(crate) fn strip(directory: &Path) -> Result<(), stead_sys::Error> {
    for name in [NOTE, SIZE, crate::import::NOTE] {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            durable::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Directories here whose names are not ours.
pub(crate) fn strangers(area: &Path) -> Result<Vec<PathBuf>> {
    Ok(listed(area)?.into_iter().filter(|name| until(name).is_none()).map(|name| area.join(REMOVED).join(name)).collect())
}

fn names(area: &Path) -> Result<Vec<String>> {
    Ok(listed(area)?.into_iter().filter(|name| until(name).is_some()).collect())
}

fn listed(area: &Path) -> Result<Vec<String>> {
    let path = area.join(REMOVED);
    let listing = match std::fs::read_dir(&path) {
        Ok(listing) => listing,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(stead_sys::Error::new("readdir", &path, e).into()),
    };
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|e| stead_sys::Error::new("readdir", &path, e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The moment and the id in a name.
fn split(name: &str) -> Option<(Time, &str)> {
    let (seconds, id) = name.split_once('-')?;
    let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let seconds: u64 = seconds.parse().ok().filter(|_| is_id && seconds.len() == 12 && seconds.bytes().all(|b| b.is_ascii_digit()))?;
    Some((Time::from_nanos(i128::from(seconds) * 1_000_000_000), id))
}

fn until(name: &str) -> Option<Time> {
    split(name).map(|(until, _)| until)
}

fn read(directory: &Path) -> Option<Kept> {
    let name = directory.file_name()?.to_str()?;
    let (until, id) = split(name)?;
    let found = directory.symlink_metadata().ok().filter(std::fs::Metadata::is_dir)?;
    let volume = sidecar::read_in(directory);
    let note: Option<Note> = std::fs::read(directory.join(NOTE)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let note = note.unwrap_or_default();
    let name = if note.name.is_empty() { volume.as_ref().map(|v| v.name.clone()).unwrap_or_default() } else { note.name };
    let changed = Time::from_nanos(i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()));
    Some(Kept {
        id: id.to_owned(),
        name,
        volume,
        removed_at: note.removed_at.unwrap_or(changed),
        // The later of the two: when in doubt it stays.
        keep_until: note.keep_until.map_or(until, |noted| noted.max(until)),
        why: note.why,
        directory: directory.to_path_buf(),
    })
}

fn ceil_seconds(time: Time) -> i64 {
    time.seconds().saturating_add(1).max(0)
}
