//! `volume snapshot rm`: gone by one rename; its files are deleted by a sweep.

use crate::error::disk;
use crate::{Result, Volumes, trash};

impl Volumes {
    /// Removes a snapshot. When this returns, it does not exist, also after a power cut.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::NoSnapshot`], [`crate::Error::Mounted`] while it is mounted, the disk.
    pub fn snapshot_remove(&self, volume: &str, name: &str) -> Result<()> {
        self.snapshot(volume, name)?;
        let _lock = self.lock(volume)?;
        self.snapshot(volume, name)?;
        let home = self.snapshot_home(volume, name);
        if let Some(at) = crate::remove::mount_below(&home)? {
            return Err(crate::Error::Mounted { name: format!("{volume}@{name}"), at });
        }
        trash::discard(&self.area_of(volume), &home).map_err(disk("remove", volume))
    }
}
