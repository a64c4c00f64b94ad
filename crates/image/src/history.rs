//! `docker history`: how an image was made, newest step first.

use serde::Serialize;
use stead_base::Digest;
use stead_base::time::Time;

use crate::{Images, Result};

/// One step as `GET /images/{name}/history` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryItem {
    /// The image, for its last step; `<missing>` for every other.
    pub id: String,
    /// Seconds since 1970; 0 when it does not say.
    pub created: i64,
    /// The command.
    pub created_by: String,
    /// Names of the image, on its last step.
    pub tags: Option<Vec<String>>,
    /// Bytes of the layer it made.
    pub size: u64,
    /// A remark.
    pub comment: String,
}

impl Images {
    /// The history of an image.
    ///
    /// # Errors
    /// No such image; the layer store's.
    pub fn history(&self, text: &str) -> Result<Vec<HistoryItem>> {
        let image = self.resolve(text)?;
        let mut layers = image.diff_ids().iter();
        let size = |layer: Option<&Digest>| -> Result<u64> {
            Ok(layer.map(|id| self.layers.get(id)).transpose()?.flatten().map_or(0, |layer| layer.size))
        };
        let mut items = Vec::new();
        for step in &image.config.history {
            items.push(HistoryItem {
                id: "<missing>".to_owned(),
                created: step.created.as_deref().and_then(Time::parse).map_or(0, Time::seconds),
                created_by: step.created_by.clone(),
                tags: None,
                size: if step.empty_layer { 0 } else { size(layers.next())? },
                comment: step.comment.clone(),
            });
        }
        items.reverse();
        if let Some(last) = items.first_mut() {
            last.id.clone_from(&image.id);
            last.tags = Some(image.tags.clone()).filter(|tags| !tags.is_empty());
        }
        Ok(items)
    }
}
