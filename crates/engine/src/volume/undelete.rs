//! `volume undelete`.

use super::VolumeView;
use super::trash::TrashedView;
use crate::{Engine, Result};

/// What is back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undeleted {
    /// The volume.
    pub volume: VolumeView,
    /// The id of the removal that was undone.
    pub id: String,
    /// Others of the same name that stay in the trash, the latest first.
    pub others: Vec<TrashedView>,
}

impl Engine {
    /// Brings back a removed volume by its id, the beginning of it, or its name; of several with one name the latest.
    ///
    /// # Errors
    /// Nothing in the trash is called so; the name is taken by now: then `new_name` helps.
    pub fn volume_undelete(&self, word: &str, new_name: Option<&str>) -> Result<Undeleted> {
        let undeleted = self.volumes.undelete(word, new_name)?;
        let volume = self.view(&undeleted.volume);
        let attributes =
            [("driver", volume.driver.as_str()), ("id", undeleted.kept.id.as_str()), ("oldName", undeleted.kept.name.as_str())];
        self.emit_volume(&volume.name, "undelete", &attributes);
        Ok(Undeleted { volume, id: undeleted.kept.id, others: undeleted.others.iter().map(TrashedView::of).collect() })
    }
}
