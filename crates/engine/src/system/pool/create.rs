//! `system pool create`.

use std::path::Path;

use super::{PoolView, view};
use crate::emit::owned;
use crate::{Engine, Result};

impl Engine {
    /// Makes the pool: up to `size` bytes in a sparse file below the root, or the whole of `device`.
    ///
    /// # Errors
    /// There is one; a size that cannot be; a device that carries something, unless `force`; `mkfs.btrfs` is not installed.
    pub fn system_pool_create(&self, size: Option<u64>, device: Option<&Path>, force: bool) -> Result<PoolView> {
        let pool = self.volumes.pool_create(size, device, force)?;
        self.emit("daemon", "pool-create", &pool.uuid, owned(&[("size", &pool.size.to_string())]));
        Ok(view(&self.volumes.pool_state()?))
    }
}
