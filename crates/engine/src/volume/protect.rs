//! `volume protect`.

use stead_volume::Update;

use super::VolumeView;
use crate::{Engine, Result};

impl Engine {
    /// From now on nothing removes the volume: no flag of `volume rm`, no prune, no `down -v`, no `rm -v`.
    ///
    /// # Errors
    /// No such volume.
    pub fn volume_protect(&self, name: &str) -> Result<VolumeView> {
        self.set_protected(name, true)
    }

    pub(super) fn set_protected(&self, name: &str, protected: bool) -> Result<VolumeView> {
        let (volume, is_changed) = self.volumes.update(name, &Update { protected: Some(protected), ..Update::default() })?;
        if is_changed {
            let action = if protected { "protect" } else { "unprotect" };
            self.emit_volume(name, action, &[("driver", &volume.driver)]);
        }
        Ok(self.view(&volume))
    }
}
