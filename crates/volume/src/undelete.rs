//! `volume undelete`: what was removed is back under a name, by one rename.

use stead_mount::names::check_volume_name;
use stead_store::Record;
use stead_sys::durable;

use crate::error::disk;

use crate::record::{ANONYMOUS_LABEL, Volume};
use crate::removed::{self, Kept};
use crate::{Error, Result, Volumes, sidecar};

/// What is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeleted {
    /// The volume, as it was.
    pub volume: Volume,
    /// The removal that was undone.
    pub kept: Kept,
    /// Others that the word named too and that stay removed, the latest first.
    pub others: Vec<Kept>,
}

impl Volumes {
    /// Brings back what a name or an id names; of several with one name the latest. It comes back as what it was, under its old name or
    /// under `new_name`; an anonymous one that is given a name is none any more.
    ///
    /// # Errors
    /// [`Error::NotInTrash`], [`Error::Ambiguous`], [`Error::Taken`], a name that can not be. Nothing has then changed.
    pub fn undelete(&self, word: &str, new_name: Option<&str>) -> Result<Undeleted> {
        let mut found = self.removed_as(word)?.into_iter();
        let Some(kept) = found.next() else { return Err(Error::NotInTrash { name: word.to_owned() }) };
        let name = new_name.unwrap_or(&kept.name).to_owned();
        check_volume_name(&name).map_err(|source| Error::Name { name: name.clone(), source })?;
        let _lock = self.lock(&name)?;
        let taken = || Error::Taken { act: "undelete", name: word.to_owned(), taken: name.clone() };
        let directory = self.back_at(&kept, &name);
        if self.is_taken(&name)? {
            return Err(taken());
        }
        durable::rename_noreplace(&kept.directory, &directory).map_err(|e| match e.io_kind() {
            std::io::ErrorKind::AlreadyExists => taken(),
            // Somebody else brought it back, or it was due.
            std::io::ErrorKind::NotFound => Error::NotInTrash { name: word.to_owned() },
            _ => disk("undelete", &name)(e),
        })?;
        // It is back. What follows is done by the next look at it where we do not come to it.
        removed::strip(&directory).map_err(disk("undelete", &name))?;
        let mut volume = self.get(&name)?;
        if new_name.is_some() && (volume.anonymous || kept.name != name) {
            volume.anonymous = false;
            volume.labels.remove(ANONYMOUS_LABEL);
            sidecar::write(&directory, &volume)?;
        }
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(Undeleted { volume, kept, others: found.collect() })
    }

    /// Whether anything has the name: on the disk, or remembered by somebody who uses it.
    pub(crate) fn is_taken(&self, name: &str) -> Result<bool> {
        let is_recorded = self.store.read(|tx| tx.exists(Volume::KIND, name))?;
        Ok(is_recorded || self.area_with(name)?.join(name).symlink_metadata().is_ok() || !self.users(name)?.is_empty())
    }

    /// Where a removed volume is when it is back: in the area in which it waits.
    fn back_at(&self, kept: &Kept, name: &str) -> std::path::PathBuf {
        let area = kept.directory.parent().and_then(std::path::Path::parent);
        area.map_or_else(|| self.home(name), |area| area.join(name))
    }
}
