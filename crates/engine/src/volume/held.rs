//! A verb's own hold on `VOL` or `VOL@SNAP`, given back when it is dropped.

use stead_volume::Held;

use crate::{Engine, Result};

impl Engine {
    /// Makes the content of `VOL` or `VOL@SNAP` available for the verb that asks, and keeps it so while the answer lives.
    ///
    /// # Errors
    /// No such volume or snapshot; its device cannot be mounted.
    pub(crate) fn hold_volume(&self, reference: &str) -> Result<Held> {
        Ok(self.volumes.hold(reference)?)
    }
}
