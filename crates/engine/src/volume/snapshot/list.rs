//! `volume snapshot ls`.

use super::SnapshotView;
use crate::{Engine, Result};

impl Engine {
    /// The snapshots of a volume, oldest first. Counts nothing.
    ///
    /// # Errors
    /// No such volume.
    pub fn volume_snapshot_list(&self, volume: &str) -> Result<Vec<SnapshotView>> {
        Ok(self.volumes.snapshot_list(volume)?.iter().map(|snapshot| self.snapshot_view(volume, snapshot)).collect())
    }
}
