//! `volume trash inspect`.

use super::TrashedView;
use crate::{Engine, Failure, Result};

impl Engine {
    /// One removed volume, by its id, the beginning of it, or its name; of several with one name the latest.
    ///
    /// # Errors
    /// Nothing in the trash is called so.
    pub fn volume_trash_inspect(&self, word: &str) -> Result<TrashedView> {
        let found = self.volumes.removed_as(word)?;
        found
            .first()
            .map(TrashedView::of)
            .ok_or_else(|| Failure::new(stead_base::Kind::NotFound, format!("no such volume in the trash: {word}")))
    }
}
