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

    /// Their names and ids, for completion: nothing is counted.
    ///
    /// # Errors
    /// As [`Engine::volume_trash_list`].
    pub fn volume_trash_names(&self) -> Result<Vec<String>> {
        let mut words: Vec<String> = self.volumes.removed()?.into_iter().flat_map(|kept| [kept.name, kept.id]).collect();
        words.sort();
        words.dedup();
        words.retain(|word| !word.is_empty());
        Ok(words)
    }
}
