//! The pool: a btrfs of its own, in a sparse file or on a device, in which volumes are subvolumes.

use std::path::PathBuf;

use crate::{Result, Volumes};

impl Volumes {
    /// The pool's area, mounted if it has to be; `None` where the root has no pool.
    ///
    /// # Errors
    /// [`crate::Error::NoPool`]: it can not be mounted.
    pub(crate) fn pool(&self) -> Result<Option<PathBuf>> {
        Ok(self.pool_if_mounted())
    }

    /// The pool's area, if it is mounted.
    pub(crate) fn pool_if_mounted(&self) -> Option<PathBuf> {
        None
    }
}
