//! `volume rm`.

use stead_base::Kind;

use crate::{Engine, Result};

impl Engine {
    /// Removes a volume: it is gone at once and for good, its content is deleted in the background.
    ///
    /// # Errors
    /// A container refers to it (`force` does not change that); `get x: no such volume` unless `force`.
    pub fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        match self.volumes.remove(name, force) {
            Ok(_) => Ok(()),
            Err(error) if force && error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
