//! `volume snapshot rm`.

use crate::{Engine, Result};

impl Engine {
    /// Removes a snapshot: it is gone at once and for good, its files are deleted in the background.
    ///
    /// # Errors
    /// No such volume or snapshot; it is mounted.
    pub fn volume_snapshot_remove(&self, volume: &str, snapshot: &str) -> Result<()> {
        let found = self.volumes.snapshot(volume, snapshot)?;
        self.volumes.snapshot_remove(volume, snapshot)?;
        self.tell_snapshot(volume, "snapshot-remove", &found);
        Ok(())
    }
}
