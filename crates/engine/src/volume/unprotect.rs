//! `volume unprotect`.

use super::VolumeView;
use crate::{Engine, Result};

impl Engine {
    /// The volume can be removed like any other again.
    ///
    /// # Errors
    /// No such volume.
    pub fn volume_unprotect(&self, name: &str) -> Result<VolumeView> {
        self.set_protected(name, false)
    }
}
