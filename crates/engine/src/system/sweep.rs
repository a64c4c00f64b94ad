//! Deleting, in the background, what removals moved to the trash.

use stead_layer::writable;

use crate::{Engine, Result};

impl Engine {
    /// Whether a removal has left something to delete, or something that could be had back is due.
    #[must_use]
    pub fn has_trash(&self) -> bool {
        // What can not be read is left to the sweep to complain about.
        self.has_removed_volumes_to_sweep()
            || writable::has_trash(&self.root)
            || self.interrupted_removals().is_ok_and(|left| !left.is_empty())
    }

    /// Empties the trashes: by file descriptor, never across a mount point, from where an interrupted sweep stopped.
    ///
    /// # Errors
    /// Something cannot be deleted; the rest is.
    pub fn sweep(&self) -> Result<()> {
        let expired = self.expire_removed_volumes();
        let volumes = self.volumes.sweep();
        for id in self.interrupted_removals()? {
            self.finish_removal(&id)?;
        }
        writable::sweep(&self.root)?;
        volumes?;
        expired?;
        self.relieve_pressure()
    }
}
