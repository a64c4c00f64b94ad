//! All volumes below one root: finding them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stead_base::layout::{Root, RunRoot};
use stead_mount::names::check_volume_name;
use stead_store::{Record, Store};
use stead_sys::lock::Lock;
use stead_sys::tree;

use crate::driver::{self, Driver};
use crate::record::{HOLDER_KIND, LastHolder, Place, Volume};
use crate::sidecar::{self, Found};
use crate::{Error, Result, staging};

/// From so many volumes on two threads look for them.
const SHARED_FROM: usize = 512;
/// So many times an interrupted renaming is tried to be finished before a volume is used.
const RENAMES_WAITED_FOR: usize = 200;

/// The volumes of one root. Holds no state: the disk is the truth.
#[derive(Debug, Clone)]
pub struct Volumes {
    pub(crate) root: Root,
    pub(crate) run_root: RunRoot,
    pub(crate) store: Arc<Store>,
}

impl Volumes {
    /// The volumes below `root`. Touches nothing.
    #[must_use]
    pub fn open(root: &Root, run_root: &RunRoot, store: Arc<Store>) -> Self {
        Self { root: root.clone(), run_root: run_root.clone(), store }
    }

    /// One volume.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Sidecar`] when nothing on the disk or in the records can be believed.
    pub fn get(&self, name: &str) -> Result<Volume> {
        self.finish_renames()?;
        self.find(name)?.ok_or_else(|| Error::NotFound { name: name.to_owned() })
    }

    /// All volumes by name; one that can not be read is its own error and hides no other.
    ///
    /// # Errors
    /// The volumes' directory can not be read.
    pub fn list(&self) -> Result<Vec<Result<Volume>>> {
        self.finish_renames()?;
        let names = self.names()?;
        // A pool that can not be looked at hides no other volume, and its own are not forgotten.
        let hidden = self.pool_that_answers().err().map(|e| self.hidden_by(&e)).transpose()?.unwrap_or_default();
        let find = |names: &[String]| -> Vec<_> { names.iter().filter_map(|name| self.find(name).transpose()).collect() };
        if names.len() < SHARED_FROM {
            return Ok(find(&names).into_iter().chain(hidden.into_iter().map(Err)).collect());
        }
        // One file each: the kernel's part of the work can be done twice at once.
        let (first, second) = names.split_at(names.len() / 2);
        Ok(std::thread::scope(|scope| {
            let other = scope.spawn(|| find(second));
            let mut all = find(first);
            all.extend(other.join().unwrap_or_else(|_panic| find(second)));
            all.extend(hidden.into_iter().map(Err));
            all
        }))
    }

    /// One error for each volume that is known to be in a pool that can not be used.
    fn hidden_by(&self, why: &Error) -> Result<Vec<Error>> {
        let records = self.store.read(|tx| tx.list::<Volume>())?;
        Ok(records.into_iter().flatten().filter(|volume| volume.place == Place::Pool).map(|volume| why.for_volume(&volume.name)).collect())
    }

    /// Where containers and people find the content.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home(name).join("_data")
    }

    /// Sum of the sizes of its files in bytes, as Docker counts.
    ///
    /// # Errors
    /// It is not there or can not be read.
    pub fn usage(&self, name: &str) -> Result<u64> {
        self.get(name)?;
        Ok(tree::apparent_size(&self.path(name))?)
    }

    /// Containers that refer to it, running or not: ids, sorted.
    ///
    /// # Errors
    /// The records'.
    pub fn users(&self, name: &str) -> Result<Vec<String>> {
        let users = self.store.read(|tx| tx.referrers(Volume::KIND, name))?;
        Ok(users.into_iter().map(|(_, id)| id).collect())
    }

    /// The anonymous volumes that were made for a container, in use or not.
    ///
    /// # Errors
    /// The records'.
    pub fn held_by(&self, holder: &LastHolder) -> Result<Vec<Volume>> {
        let found = self.store.read(|tx| tx.referrers(HOLDER_KIND, &holder.key()))?;
        let volumes = found.into_iter().filter_map(|(_, name)| self.find(&name).ok().flatten());
        // The sidecar is the truth.
        Ok(volumes.filter(|volume| volume.anonymous && volume.last_holder.as_ref() == Some(holder)).collect())
    }

    /// Makes the content available on the host for `holder` (a container's id) and tells where. Plain directories need nothing; the
    /// same call again changes nothing.
    ///
    /// # Errors
    /// The volume is not there, or its device can not be mounted: Docker's text, passwords masked.
    pub fn mount(&self, name: &str, holder: &str) -> Result<PathBuf> {
        // Whoever mounts it, also without copying, sees the whole of an interrupted population.
        if self.is_interrupted(name) {
            self.finish_left_over(name)?;
        }
        let volume = self.get(name)?;
        self.driver(&volume)?.mount(&volume, holder)
    }

    /// Takes `holder` off; the last one unmounts. A volume or holder that is gone is no error.
    ///
    /// # Errors
    /// Its device is busy.
    pub fn unmount(&self, name: &str, holder: &str) -> Result<()> {
        match self.find(name)? {
            Some(volume) => self.driver(&volume)?.unmount(&volume, holder),
            None => Ok(()),
        }
    }

    /// The driver of a volume that exists.
    pub(crate) fn driver(&self, volume: &Volume) -> Result<Box<dyn Driver + '_>> {
        driver::named(&volume.driver, self).ok_or_else(|| Error::Driver { name: volume.name.clone(), driver: volume.driver.clone() })
    }

    /// The volume, or `None` where there is none. A damaged sidecar is replaced by the record where that is good.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Volume>> {
        if check_volume_name(name).is_err() {
            return Ok(None);
        }
        let area = self.area_with(name)?;
        match sidecar::look(&area, name)? {
            Found::Volume(volume) => Ok(Some(self.placed(volume, &area))),
            Found::Adopted(volume) => Ok(Some(self.placed(self.record(name).unwrap_or(volume), &area))),
            Found::Nothing => Ok(None),
            Found::Damaged(reason) => match self.record(name) {
                Some(volume) => Ok(Some(self.placed(volume, &area))),
                None => Err(Error::Sidecar { name: name.to_owned(), path: area.join(name).join("volume.json"), reason }),
            },
        }
    }

    /// The place is what the disk says: somebody may have moved the directory.
    fn placed(&self, mut volume: Volume, area: &Path) -> Volume {
        match (volume.place, self.is_pool(area)) {
            (Place::Pool, false) => volume.place = Place::Directory,
            (Place::Directory | Place::Image, true) => volume.place = Place::Pool,
            _ => {}
        }
        volume
    }

    /// The store's record, if there is a good one.
    pub(crate) fn record(&self, name: &str) -> Option<Volume> {
        self.store.read(|tx| tx.get::<Volume>(name)).ok().flatten()
    }

    /// Names of everything in the areas that could be a volume, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for area in self.areas() {
            names_in(&area, &mut names)?;
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Held by whoever makes, fills, renames or removes the volume of this name. Nobody's renaming of it is half done then.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock> {
        let mut locks = self.lock_all(&[name])?;
        locks.pop().map(|(_, lock)| lock).ok_or_else(|| Error::NotFound { name: name.to_owned() })
    }

    /// The locks of several names, taken in an order that all agree on.
    pub(crate) fn lock_all<'a>(&self, names: &[&'a str]) -> Result<Vec<(&'a str, Lock)>> {
        let mut names = names.to_vec();
        names.sort_unstable_by_key(|name| short_name(name));
        names.dedup_by_key(|name| short_name(name));
        for _ in 0..RENAMES_WAITED_FOR {
            self.finish_renames()?;
            let locks = names.iter().map(|name| Ok((*name, Lock::exclusive(&self.lock_path(name)?)?))).collect::<Result<Vec<_>>>()?;
            // Whoever had the lock before us may have been killed in the middle.
            if !self.is_being_renamed(&names)? {
                return Ok(locks);
            }
            drop(locks);
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(Error::Renaming { name: names.first().copied().unwrap_or_default().to_owned() })
    }

    pub(crate) fn lock_path(&self, name: &str) -> Result<PathBuf> {
        staging::make(&self.run_root.locks(), 0o711)?;
        Ok(self.run_root.locks().join(format!("volume-{}", short_name(name))))
    }

    /// Writes out what is dirty on the volume's file system, so that little is when those who use it stand still.
    ///
    /// # Errors
    /// The disk.
    pub fn write_out(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let dir = std::fs::File::open(&path).map_err(|e| stead_sys::Error::new("open", &path, e))?;
        Ok(stead_sys::durable::sync_fs(&dir, &path)?)
    }

    /// Held by a start until the container can be held still: whoever shuts the gates sees it from then on. In the order of names.
    ///
    /// # Errors
    /// The lock's.
    pub fn pass_gates<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<Vec<Lock>> {
        staging::make(&self.run_root.locks(), 0o711)?;
        let names: BTreeSet<&str> = names.map(short_name).collect();
        names.into_iter().map(|name| Ok(Lock::shared(&self.gate(name))?)).collect()
    }

    /// While this is held, nobody new begins to use the volumes. Waits for starts under way and for others who hold it.
    ///
    /// # Errors
    /// [`Error::Gate`] after `limit`; the lock's.
    pub fn shut_gates(&self, names: &[&str], limit: Duration) -> Result<Vec<Lock>> {
        staging::make(&self.run_root.locks(), 0o711)?;
        let names: BTreeSet<&str> = names.iter().copied().map(short_name).collect();
        let shut = |name: &str| Lock::exclusive_within(&self.gate(name), limit)?.ok_or_else(|| Error::Gate { name: name.to_owned() });
        names.into_iter().map(shut).collect()
    }

    fn gate(&self, short: &str) -> PathBuf {
        self.run_root.locks().join(format!("volume-gate-{short}"))
    }
}

pub(crate) fn names_in(area: &Path, names: &mut Vec<String>) -> Result<()> {
    let listing = match std::fs::read_dir(area) {
        Ok(listing) => listing,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(stead_sys::Error::new("readdir", area, e).into()),
    };
    for entry in listing {
        let entry = entry.map_err(|e| stead_sys::Error::new("readdir", area, e))?;
        let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
        if let Ok(name) = OsString::into_string(entry.file_name())
            && is_dir
            && check_volume_name(&name).is_ok()
        {
            names.push(name);
        }
    }
    Ok(())
}

/// Names may be 255 bytes long, and a file name with a prefix may not; a shared lock of two such volumes only makes one wait.
pub(crate) fn short_name(name: &str) -> &str {
    name.get(..200).unwrap_or(name)
}
