//! What can be changed of a volume that is there: labels, protection. The sidecar first: it is the truth.

use std::collections::BTreeMap;

use stead_mount::Access;

use crate::record::{ANONYMOUS_LABEL, Volume};
use crate::{Error, Result, Volumes, sidecar};

/// What changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Labels that it has from now on.
    pub labels: BTreeMap<String, String>,
    /// Labels that it has no more; one that it has not is no error.
    pub labels_gone: Vec<String>,
    /// Whether nothing removes it.
    pub protected: Option<bool>,
    /// Who may use it at the same time from the next start on.
    pub access: Option<Access>,
}

impl Volumes {
    /// Changes a volume, in use or not, durably. Whether anything became different.
    ///
    /// # Errors
    /// [`Error::NotFound`]; a label that says who made the name; the disk.
    pub fn update(&self, name: &str, change: &Update) -> Result<(Volume, bool)> {
        if change.labels.keys().chain(&change.labels_gone).any(|key| key == ANONYMOUS_LABEL) {
            return Err(Error::Reserved { name: name.to_owned(), label: ANONYMOUS_LABEL });
        }
        self.get(name)?;
        let _lock = self.lock(name)?;
        let before = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.to_owned() })?;
        let mut volume = before.clone();
        for key in &change.labels_gone {
            volume.labels.remove(key);
        }
        volume.labels.extend(change.labels.clone());
        volume.protected = change.protected.unwrap_or(volume.protected);
        volume.access = change.access.unwrap_or(volume.access);
        if volume == before {
            return Ok((volume, false));
        }
        sidecar::write(&self.home(name), &volume)?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok((volume, true))
    }
}
