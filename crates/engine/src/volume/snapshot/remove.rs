//! `volume snapshot rm`.

use stead_base::Kind;

use crate::{Engine, Failure, Result};

impl Engine {
    /// Removes a snapshot: it is gone at once and for good, its files are deleted in the background.
    ///
    /// # Errors
    /// No such volume or snapshot; a container mounts it, running or not.
    pub fn volume_snapshot_remove(&self, volume: &str, snapshot: &str) -> Result<()> {
        let found = self.volumes.snapshot(volume, snapshot)?;
        self.volumes.snapshot_remove_if(volume, snapshot, |users| self.refuse_mounted(volume, snapshot, users))?;
        self.tell_snapshot(volume, "snapshot-remove", &found);
        Ok(())
    }

    /// Refuses where one of the containers mounts the snapshot, running or not.
    fn refuse_mounted(&self, volume: &str, snapshot: &str, users: &[String]) -> Result<()> {
        let mut names = Vec::new();
        for id in users {
            if let Ok(container) = self.container(id)
                && container.snapshots().any(|pair| pair == (volume, snapshot))
            {
                names.push(container.name);
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Kind::InUse, format!("remove {volume}@{snapshot}: snapshot is in use by {}", names.join(", ")))
            .with_hint(format!("'stead rm {}' first", names.join(" "))))
    }
}
