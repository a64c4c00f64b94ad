//! `volume rm`: gone at once by one rename. Into `.removed`, from where it can be had back for a while, or into the trash, which
//! [`crate::trash::sweep`] empties.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stead_base::time::Time;
use stead_store::Record;
use stead_sys::{durable, mountinfo};

use crate::error::disk;
use crate::record::Volume;
use crate::removed::{self, Leaving};
use crate::sidecar::Found;
use crate::{Error, Result, Volumes, sidecar, trash};

/// How a volume is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// No volume of that name is no error. It forgives nothing else.
    pub force: bool,
    /// For how long it can be had back, in nanoseconds: one that somebody named, one that nobody named. 0: it can not.
    pub keep_nanos: [i128; 2],
    /// What removes it, for people.
    pub why: String,
}

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// The volume is gone for good; its content waits in the trash for a sweep.
    Trashed,
    /// It can be had back.
    Kept {
        /// By this id.
        id: String,
        /// Until then.
        until: Time,
    },
    /// There was no such volume (`force`).
    Absent,
}

/// What can not be read is kept at least so long: nobody can tell whether it was protected.
const UNREADABLE_NANOS: i128 = 7 * 24 * 3600 * 1_000_000_000;

impl Volumes {
    /// Removes a volume for good: [`Volumes::remove_as`] with nothing kept.
    ///
    /// # Errors
    /// As [`Volumes::remove_as`].
    pub fn remove(&self, name: &str, force: bool) -> Result<Removed> {
        self.remove_as(name, &Removal { force, ..Removal::default() })
    }

    /// Removes a volume. The order is: nobody refers to it and its record goes, in one step; then it is renamed away.
    /// A crash between the two leaves it whole.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Protected`], [`Error::Mounted`], [`Error::NotFound`]; nothing has then been deleted.
    pub fn remove_as(&self, name: &str, how: &Removal) -> Result<Removed> {
        if stead_mount::names::check_volume_name(name).is_err() {
            return absent(name, how.force);
        }
        let lock = self.lock(name)?;
        let directory = self.home(name);
        let found = match self.find(name) {
            Ok(found) => found,
            // A volume that can not be read can be removed, if nobody refers to it.
            Err(Error::Sidecar { .. }) => None,
            Err(e) => return Err(e),
        };
        let is_there = found.is_some() || directory.is_dir();
        if let Some(volume) = &found {
            self.check_removable(volume)?;
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
            return if had_record { Ok(Removed::Absent) } else { absent(name, how.force) };
        }
        let gone = self.send_away(&directory, name, found.as_ref(), how).inspect_err(|_failure| {
            // It stays, so it must stay known; if even this fails, the next look at the directory knows it again.
            if let Some(volume) = &found {
                self.store.publish(|tx| tx.put(volume)).ok();
            }
            removed::strip(&directory).ok();
        })?;
        // Its lock has nothing to protect any more; whoever waits for it takes a new one.
        lock.remove().ok();
        Ok(gone)
    }

    fn check_removable(&self, volume: &Volume) -> Result<()> {
        if volume.protected {
            return Err(Error::Protected { name: volume.name.clone() });
        }
        match self.driver(volume) {
            Ok(driver) if !driver.is_idle(volume)? => Err(Error::Mounted { name: volume.name.clone(), at: self.path(&volume.name) }),
            _ => Ok(()),
        }
    }

    fn send_away(&self, directory: &Path, name: &str, found: Option<&Volume>, how: &Removal) -> Result<Removed> {
        let keep_nanos = match found {
            Some(volume) => how.keep_nanos[usize::from(volume.anonymous)],
            None => how.keep_nanos[0].max(UNREADABLE_NANOS),
        };
        // Of nothing there is nothing to be had back, and whoever runs thousands of containers would keep thousands of nothings.
        let is_nothing = found.is_some_and(|volume| volume.anonymous && volume.options.is_empty()) && holds_nothing(directory);
        if keep_nanos <= 0 || is_nothing {
            trash::discard(&self.area_of(name), directory).map_err(disk("remove", name))?;
            return Ok(Removed::Trashed);
        }
        if let Some(volume) = found {
            self.complete(directory, volume)?;
        }
        let leaving = Leaving { name, created_at: found.map_or_else(Time::now, |v| v.created_at), keep_nanos, why: &how.why };
        let (id, until) = self.keep(directory, &leaving).map_err(disk("remove", name))?;
        Ok(Removed::Kept { id, until })
    }
}

impl Volumes {
    /// The record is gone: what only it knew goes along. On a full disk what was in the way of the sidecar stays in its way.
    pub(crate) fn complete(&self, directory: &Path, volume: &Volume) -> Result<()> {
        match sidecar::look(&self.area_of(&volume.name), &volume.name)? {
            Found::Volume(_) | Found::Nothing => return Ok(()),
            Found::Adopted(_) => {}
            Found::Damaged(_) => {
                let aside = directory.join(format!("volume.json.damaged-{}", Time::now().seconds()));
                durable::rename(&directory.join("volume.json"), &aside).map_err(disk("remove", &volume.name))?;
            }
        }
        match sidecar::write(directory, volume) {
            Err(e) if e.kind() != stead_base::Kind::NoSpace => Err(e),
            _ => Ok(()),
        }
    }
}

fn absent(name: &str, force: bool) -> Result<Removed> {
    if force { Ok(Removed::Absent) } else { Err(Error::NotFound { name: name.to_owned() }) }
}

/// Whether a volume's directory is as it was made: content that is somewhere else (a device, an image, a snapshot) counts too.
fn holds_nothing(directory: &Path) -> bool {
    let names = |path: &Path| -> Option<Vec<std::ffi::OsString>> {
        std::fs::read_dir(path).ok()?.map(|entry| entry.ok().map(|entry| entry.file_name())).collect()
    };
    let own = |name: &std::ffi::OsString| ["_data", "volume.json", "used.json", "size.json"].iter().any(|ours| name == ours);
    names(&directory.join("_data")).is_some_and(|inside| inside.is_empty()) && names(directory).is_some_and(|all| all.iter().all(own))
}

/// The first mount on or below `directory`.
pub(crate) fn mount_below(directory: &Path) -> Result<Option<PathBuf>> {
    // Mount points are told without symbolic links.
    let real = match directory.canonicalize() {
        Ok(real) => real,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(stead_sys::Error::new("realpath", directory, e).into()),
    };
    let table = mountinfo::read()?;
    Ok(table.into_iter().map(|entry| entry.mount_point).find(|point| point.starts_with(&real)))
}
