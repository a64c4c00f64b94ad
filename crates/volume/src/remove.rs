//! `volume rm`: gone at once by one rename; the content is deleted later, by [`crate::trash::sweep`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stead_store::Record;
use stead_sys::mountinfo;

use crate::error::disk;
use crate::record::Volume;
use crate::{Error, Result, Volumes, trash};

/// What a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The volume is gone for good; its content waits in the trash for a sweep.
    Trashed,
    /// There was no such volume (`force`).
    Absent,
}

impl Volumes {
    /// Removes a volume. The order is: nobody refers to it and its record goes, in one step; then it is renamed into the trash.
    /// A crash between the two leaves it whole. `force` only forgives that there is no such volume.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Mounted`], [`Error::NotFound`]; nothing has then been deleted.
    pub fn remove(&self, name: &str, force: bool) -> Result<Removed> {
        if stead_mount::names::check_volume_name(name).is_err() {
            return absent(name, force);
        }
        let lock = self.lock(name)?;
        let directory = self.root.volume(name);
        let found = match self.find(name) {
            Ok(found) => found,
            // A volume that can not be read can be removed, if nobody refers to it.
            Err(Error::Sidecar { .. }) => None,
            Err(e) => return Err(e),
        };
        let is_there = found.is_some() || directory.is_dir();
        if let Some(volume) = &found
            && let Ok(driver) = self.driver(volume)
            && !driver.is_idle(volume)?
        {
            return Err(Error::Mounted { name: name.to_owned(), at: self.path(name) });
        }
        if let Some(at) = mount_below(&directory)? {
            return Err(Error::Mounted { name: name.to_owned(), at });
        }
        let had_record = self.store.publish(|tx| {
            let users: Vec<String> = tx.referrers(Volume::KIND, name)?.into_iter().map(|(_, id)| id).collect();
            if !users.is_empty() {
                return Err(Error::InUse { name: name.to_owned(), users });
            }
            Ok(tx.delete::<Volume>(name)?)
        })?;
        if !is_there {
            return if had_record { Ok(Removed::Absent) } else { absent(name, force) };
        }
        trash::discard(&self.root, &directory).map_err(disk("remove", name)).inspect_err(|_failure| {
            // It stays, so it must stay known; if even this fails, the next look at the directory knows it again.
            if let Some(volume) = &found {
                self.store.publish(|tx| tx.put(volume)).ok();
            }
        })?;
        // Its lock has nothing to protect any more; whoever waits for it takes a new one.
        lock.remove().ok();
        Ok(Removed::Trashed)
    }
}

fn absent(name: &str, force: bool) -> Result<Removed> {
    if force { Ok(Removed::Absent) } else { Err(Error::NotFound { name: name.to_owned() }) }
}

/// The first mount on or below `directory`.
fn mount_below(directory: &Path) -> Result<Option<PathBuf>> {
    // Mount points are told without symbolic links.
    let real = match directory.canonicalize() {
        Ok(real) => real,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(stead_sys::Error::new("realpath", directory, e).into()),
    };
    let table = mountinfo::read()?;
    Ok(table.into_iter().map(|entry| entry.mount_point).find(|point| point.starts_with(&real)))
}
