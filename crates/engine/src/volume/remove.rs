//! `volume rm`.

use stead_base::Kind;

use crate::{Engine, Result};

impl Engine {
    /// Removes a volume: it is gone at once and for good, its content is deleted in the background.
    ///
    /// # Errors
    /// A container refers to it (`force` does not change that); `get x: no such volume` unless `force`.
    pub fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        match self.remove_volume(name, force) {
            Ok(()) => Ok(()),
            Err(error) if force && error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The removal itself and its event, for every verb that removes volumes.
    pub(crate) fn remove_volume(&self, name: &str, force: bool) -> std::result::Result<(), stead_volume::Error> {
        let driver = self.volumes.get(name).map(|volume| volume.driver).unwrap_or_default();
        if self.volumes.remove(name, force)? != stead_volume::Removed::Absent {
            self.emit_volume(name, "destroy", &[("driver", &driver)]);
        }
        Ok(())
    }
}
