//! `system pool grow`.

use super::{PoolView, view};
use crate::emit::owned;
use crate::{Engine, Result};

impl Engine {
    /// Makes the pool larger while it is used; one on a device takes in what the device has grown by.
    ///
    /// # Errors
    /// There is none; it would become smaller.
    pub fn system_pool_grow(&self, size: Option<u64>) -> Result<PoolView> {
        let pool = self.volumes.pool_grow(size)?;
        self.emit("daemon", "pool-grow", &pool.uuid, owned(&[("size", &pool.size.to_string())]));
        Ok(view(&self.volumes.pool_state()?))
    }
}
