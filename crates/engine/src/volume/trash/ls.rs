//! `volume trash ls`.

use super::TrashedView;
use crate::{Engine, Result};

impl Engine {
    /// What was removed and can be had back, the latest first.
    ///
    /// # Errors
    /// The trash cannot be read.
    pub fn volume_trash_list(&self) -> Result<Vec<TrashedView>> {
        Ok(self.volumes.removed()?.iter().map(TrashedView::of).collect())
    }
}
