//! `volume rename`. The records change first, in one commit with the intention to rename; then the directory follows, by one rename; then
//! the intention goes. Killed in between, whoever looks next lets the directory follow: the intention says which volume (by its uuid) and where to.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stead_mount::names::check_volume_name;
use stead_store::{Record, Tx};
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::error::disk;
use crate::record::{ANONYMOUS_LABEL, Volume};
use crate::remove::mount_below;
use crate::volumes::short_name;
use crate::{Error, Result, Volumes, sidecar};

/// A directory that is to follow its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renaming {
    /// The new name.
    to: String,
    /// The old one.
    from: String,
    /// Which volume.
    uuid: String,
}

impl Record for Renaming {
    const KIND: &'static str = "volume-renaming";
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.to
    }

    fn name(&self) -> Option<&str> {
        None
    }
}

impl Volumes {
    /// Gives a volume another name. `users` changes the records of those who refer to it, in the same commit; it gets the ids of all who do.
    /// An anonymous volume that is given a name is none any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Taken`], [`Error::Mounted`], a name that can not be, what `users` says. Nothing has then changed.
    pub fn rename<E: From<Error> + From<stead_store::Error>>(
        &self,
        from: &str,
        to: &str,
        users: impl FnOnce(&Tx<'_>, &[String]) -> Result<(), E>,
    ) -> Result<Volume, E> {
        check_volume_name(to).map_err(|source| Error::Name { name: to.to_owned(), source })?;
        self.get(from)?;
        let locks = self.lock_all(&[from, to])?;
        let before = self.settled(from)?.ok_or_else(|| Error::NotFound { name: from.to_owned() })?;
        if self.is_taken(to)? {
            return Err(Error::Taken { act: "rename", name: from.to_owned(), taken: to.to_owned() }.into());
        }
        if !self.driver(&before)?.is_idle(&before)? {
            return Err(Error::Mounted { name: from.to_owned(), at: self.path(from) }.into());
        }
        if let Some(at) = mount_below(&self.home(from))? {
            return Err(Error::Mounted { name: from.to_owned(), at }.into());
        }
        // The directory follows by what its sidecar says: one that is damaged would stay behind.
        self.complete(&self.home(from), &before)?;
        if sidecar::read_in(&self.home(from)).is_none_or(|found| found.uuid != before.uuid) {
            sidecar::write(&self.home(from), &before)?;
        }
        let mut volume = Volume { name: to.to_owned(), anonymous: false, last_holder: None, ..before.clone() };
        volume.labels.remove(ANONYMOUS_LABEL);
        let intention = Renaming { to: to.to_owned(), from: from.to_owned(), uuid: volume.uuid.clone() };
        self.store.publish(|tx| {
            let ids: Vec<String> = tx.referrers(Volume::KIND, from)?.into_iter().map(|(_, id)| id).collect();
            users(tx, &ids)?;
            tx.delete::<Volume>(from)?;
            tx.put(&volume)?;
            tx.put(&intention)?;
            Ok::<_, E>(())
        })?;
        self.follow(&intention)?;
        // The lock of a name that nobody has any more; whoever waits for it takes a new one.
        locks.into_iter().filter(|(name, _)| *name == from).for_each(|(_, lock)| drop(lock.remove()));
        Ok(volume)
    }

    /// Lets directories follow whose renaming was interrupted. What somebody else is at is left to them, and one that resists does not
    /// disturb what has nothing to do with it. Answers how many followed.
    pub(crate) fn finish_renames(&self) -> Result<usize> {
        // One question to the index; there is hardly ever an answer.
        let waiting = self.store.read(|tx| tx.ids_by_prefix(Renaming::KIND, "", 16))?;
        Ok(waiting.iter().filter(|to| matches!(self.finish_rename(to), Ok(true))).count())
    }

    /// Finishes one, if nobody is at it. Whether it did.
    pub(crate) fn finish_rename(&self, to: &str) -> Result<bool> {
        let Some(intention) = self.store.read(|tx| tx.get::<Renaming>(to))? else { return Ok(false) };
        let mut names = [intention.from.as_str(), to];
        names.sort_unstable_by_key(|name| short_name(name));
        let Some(_first) = Lock::try_exclusive(&self.lock_path(names[0])?)? else { return Ok(false) };
        let second = if short_name(names[0]) == short_name(names[1]) {
            None
        } else {
            let Some(second) = Lock::try_exclusive(&self.lock_path(names[1])?)? else { return Ok(false) };
            Some(second)
        };
        // Whoever was at it may have finished before we had the locks.
        let is_left = self.store.read(|tx| tx.exists(Renaming::KIND, to))?;
        if is_left {
            self.follow(&intention)?;
        }
        drop(second);
        Ok(is_left)
    }

    /// Names of volumes whose directories have yet to follow.
    pub(crate) fn renames(&self) -> Result<Vec<String>> {
        Ok(self.store.read(|tx| tx.ids_by_prefix(Renaming::KIND, "", 1000))?)
    }

    /// Whether one of these names is about to come or to go.
    pub(crate) fn is_being_renamed(&self, names: &[&str]) -> Result<bool> {
        if self.store.read(|tx| tx.ids_by_prefix(Renaming::KIND, "", 1))?.is_empty() {
            return Ok(false);
        }
        let all = self.store.read(|tx| tx.list::<Renaming>())?;
        Ok(all.iter().flatten().any(|one| names.contains(&one.from.as_str()) || names.contains(&one.to.as_str())))
    }

    /// Under both locks: the directory gets its name, the sidecar tells it, the intention goes.
    fn follow(&self, intention: &Renaming) -> Result<()> {
        let Renaming { to, from, uuid } = intention;
        // Not before it can be seen where it is.
        self.pool()?;
        let is_it = |directory: &Path| sidecar::read_in(directory).is_some_and(|volume| volume.uuid == *uuid);
        for area in self.areas() {
            let (old, new) = (area.join(from), area.join(to));
            if is_it(&old) && new.symlink_metadata().is_err() {
                durable::rename_noreplace(&old, &new).map_err(disk("rename", from))?;
            }
            if is_it(&new) {
                let recorded = self.record(to);
                if let Some(volume) = recorded.filter(|recorded| Some(recorded) != sidecar::read_in(&new).as_ref()) {
                    sidecar::write(&new, &volume)?;
                }
            }
        }
        self.store.publish(|tx| tx.delete::<Renaming>(to))?;
        Ok(())
    }
}
