//! `volume snapshot inspect`.

use super::SnapshotView;
use crate::{Engine, Result};

impl Engine {
    /// One snapshot, with its size: counted the first time, known from then on.
    ///
    /// # Errors
    /// No such volume or snapshot.
    pub fn volume_snapshot_inspect(&self, volume: &str, snapshot: &str) -> Result<SnapshotView> {
        let found = self.volumes.snapshot_measured(volume, snapshot)?;
        Ok(self.snapshot_view(volume, &found))
    }
}
