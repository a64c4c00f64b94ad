//! `volume snapshot ls`.

use std::io::ErrorKind;

use stead_mount::names::check_snapshot_name;

use super::note::{self, Found};
use super::{SNAPSHOTS, Snapshot};
use crate::{Result, Volumes};

impl Volumes {
    /// The snapshots of a volume, oldest first. One whose note is damaged is there with what its directory tells.
    ///
    /// # Errors
    /// There is no such volume; its directory can not be read.
    pub fn snapshot_list(&self, volume: &str) -> Result<Vec<Snapshot>> {
        self.get(volume)?;
        self.snapshots(volume)
    }

    pub(crate) fn snapshots(&self, volume: &str) -> Result<Vec<Snapshot>> {
        let home = self.home(volume).join(SNAPSHOTS);
        let mut all = Vec::new();
        for name in self.snapshot_names(volume)? {
            match note::look(&home.join(&name), &name) {
                Found::Noted(snapshot) | Found::Guessed(snapshot, _) => all.push(snapshot),
                Found::Nothing => {}
            }
        }
        all.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.name.cmp(&b.name)));
        Ok(all)
    }

    /// Names of what could be a snapshot.
    pub(crate) fn snapshot_names(&self, volume: &str) -> Result<Vec<String>> {
        let path = self.home(volume).join(SNAPSHOTS);
        let listing = match std::fs::read_dir(&path) {
            Ok(listing) => listing,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(stead_sys::Error::new("readdir", &path, e).into()),
        };
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|e| stead_sys::Error::new("readdir", &path, e))?;
            if let Ok(name) = entry.file_name().into_string()
                && check_snapshot_name(&name).is_ok()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
