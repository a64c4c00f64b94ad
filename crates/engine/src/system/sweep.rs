//! Deleting, in the background, what removals moved to the trash.

use crate::{Engine, Result};

impl Engine {
    /// Whether a removal has left something to delete.
    #[must_use]
    pub fn has_trash(&self) -> bool {
        !stead_volume::trash::is_empty(&self.root).unwrap_or(false)
    }

    /// Empties the trashes: by file descriptor, never across a mount point, from where an interrupted sweep stopped.
    ///
    /// # Errors
    /// Something cannot be deleted; the rest is.
    pub fn sweep(&self) -> Result<()> {
        let volumes = stead_volume::trash::sweep(&self.root);
        stead_layer::writable::sweep(&self.root)?;
        volumes?;
        Ok(())
    }
}
