//! `volume snapshot rm`: gone by one rename; its files are deleted by a sweep.

use crate::error::disk;
use stead_store::Record as _;

use crate::{Result, Volume, Volumes, trash};

impl Volumes {
    /// Removes a snapshot. When this returns, it does not exist, also after a power cut.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::NoSnapshot`], [`crate::Error::Mounted`] while it is mounted, the disk.
    pub fn snapshot_remove(&self, volume: &str, name: &str) -> Result<()> {
        self.snapshot_remove_if(volume, name, |_users| Ok::<_, crate::Error>(()))
    }

    /// The same if `unused` agrees, which is asked with the ids of all who refer to the volume while no record can change.
    ///
    /// # Errors
    /// As [`Volumes::snapshot_remove`]; what `unused` says.
    pub fn snapshot_remove_if<E>(&self, volume: &str, name: &str, unused: impl FnOnce(&[String]) -> Result<(), E>) -> Result<(), E>
    where
        E: From<crate::Error> + From<stead_store::Error>,
    {
        self.snapshot(volume, name)?;
        let _lock = self.lock(volume)?;
        self.snapshot(volume, name)?;
        let home = self.snapshot_home(volume, name);
        if let Some(at) = crate::remove::mount_below(&home)? {
            return Err(crate::Error::Mounted { name: format!("{volume}@{name}"), at }.into());
        }
        self.store.publish(|tx| {
            let users: Vec<String> = tx.referrers(Volume::KIND, volume)?.into_iter().map(|(_, id)| id).collect();
            unused(&users)?;
            Ok(trash::discard(&self.area_of(volume), &home).map_err(disk("remove", volume))?)
        })
    }
}
