//! `system pool rm`.

use std::collections::BTreeMap;

use crate::{Engine, Result};

impl Engine {
    /// Takes the pool away. What was removed for good from it is deleted first.
    ///
    /// # Errors
    /// There is none; volumes, or removed ones that can be had back, are in it.
    pub fn system_pool_remove(&self) -> Result<()> {
        self.sweep()?;
        self.volumes.pool_remove()?;
        self.emit("daemon", "pool-remove", "", BTreeMap::new());
        Ok(())
    }
}
