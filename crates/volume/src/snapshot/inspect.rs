//! `volume snapshot inspect`.

use stead_sys::tree;

use super::note::{self, Found};
use super::{Snapshot, method};
use crate::error::disk;
use crate::{Error, Result, Volumes};

impl Volumes {
    /// One snapshot.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSnapshot`].
    pub fn snapshot(&self, volume: &str, name: &str) -> Result<Snapshot> {
        self.get(volume)?;
        let missing = || Error::NoSnapshot { volume: volume.to_owned(), snapshot: name.to_owned() };
        stead_mount::names::check_snapshot_name(name).map_err(|_refused| missing())?;
        match note::look(&self.snapshot_home(volume, name), name) {
            Found::Noted(snapshot) | Found::Guessed(snapshot, _) => Ok(snapshot),
            Found::Nothing => Err(missing()),
        }
    }

    /// The same with its size, which is counted and noted the first time: nobody writes to a snapshot.
    ///
    /// # Errors
    /// As [`Volumes::snapshot`]; it can not be read.
    pub fn snapshot_measured(&self, volume: &str, name: &str) -> Result<Snapshot> {
        let mut snapshot = self.snapshot(volume, name)?;
        if snapshot.bytes.is_some() && snapshot.entries.is_some() {
            return Ok(snapshot);
        }
        let failed = disk("snapshot", volume);
        let data = method::open(&self.snapshot_path(volume, name)).map_err(&failed)?;
        let measure = tree::measure(&data).map_err(&failed)?;
        (snapshot.bytes, snapshot.entries) = (Some(measure.bytes), Some(measure.entries));
        let _lock = self.lock(volume)?;
        // A memory only: without it, it is counted again. It may have been removed meanwhile.
        if self.snapshot(volume, name).is_ok_and(|now| now.uuid == snapshot.uuid) {
            note::write(&self.snapshot_home(volume, name), &snapshot).ok();
        }
        Ok(snapshot)
    }
}
