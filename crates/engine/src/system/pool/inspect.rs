//! `system pool inspect`.

use super::{PoolView, view};
use crate::{Engine, Result};

impl Engine {
    /// The pool as it is. Mounts it, if nobody has since the machine was started.
    ///
    /// # Errors
    /// There is none; it cannot be mounted.
    pub fn system_pool_inspect(&self) -> Result<PoolView> {
        Ok(view(&self.volumes.pool_state()?))
    }
}
