//! Deleting, in the background, what removals moved to the trash.

use stead_layer::writable;

use crate::{Engine, Result};

impl Engine {
    /// Whether a removal has left something to delete.
    #[must_use]
    pub fn has_trash(&self) -> bool {
        // What can not be read is left to the sweep to complain about.
        !stead_volume::trash::is_empty(&self.root).unwrap_or(false)
            || writable::has_trash(&self.root)
            || self.interrupted_removals().is_ok_and(|left| !left.is_empty())
    }

    /// Empties the trashes: by file descriptor, never across a mount point, from where an interrupted sweep stopped.
    ///
    /// # Errors
    /// Something cannot be deleted; the rest is.
    pub fn sweep(&self) -> Result<()> {
        let volumes = stead_volume::trash::sweep(&self.root);
        for id in self.interrupted_removals()? {
            self.finish_removal(&id)?;
        }
        writable::sweep(&self.root)?;
        volumes?;
        Ok(())
    }
}
