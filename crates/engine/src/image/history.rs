//! `history`.

use stead_image::HistoryItem;

use crate::{Engine, Result};

impl Engine {
    /// How an image was made, newest step first.
    ///
    /// # Errors
    /// No such image.
    pub fn image_history(&self, name: &str) -> Result<Vec<HistoryItem>> {
        Ok(self.images.history(name)?)
    }
}
