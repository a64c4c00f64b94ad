//! `volume trash empty`: gives back what could still be had back.

use stead_base::time::Time;
use stead_volume::Kept;

use crate::emit::owned;
use crate::{Engine, Result};

/// What is given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmptyTrash {
    /// Names and ids; all, where there are none. A name means every removed volume that had it.
    pub words: Vec<String>,
    /// Only what was removed so long ago, in nanoseconds.
    pub older_than_nanos: Option<i128>,
}

/// What was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Ids and names.
    pub deleted: Vec<(String, String)>,
    /// Bytes of their files.
    pub reclaimed: u64,
}

impl Engine {
    /// What would be given back.
    ///
    /// # Errors
    /// Nothing in the trash is called so.
    pub fn volume_trash_empty_plan(&self, what: &EmptyTrash) -> Result<Emptied> {
        let mut plan = Emptied::default();
        for kept in self.chosen(what)? {
            plan.add(&kept, kept.size().unwrap_or(0));
        }
        Ok(plan)
    }

    /// Gives removed volumes to the sweep: from here on they cannot be had back.
    ///
    /// # Errors
    /// Nothing in the trash is called so; the root is not ours; the disk. What went before is gone.
    pub fn volume_trash_empty(&self, what: &EmptyTrash) -> Result<Emptied> {
        let mut emptied = Emptied::default();
        for kept in self.chosen(what)? {
            let size = kept.size().unwrap_or(0);
            if self.volumes.forget(&kept)? {
                self.tell_purged(&kept, "volume trash empty");
                emptied.add(&kept, size);
            }
        }
        Ok(emptied)
    }

    fn chosen(&self, what: &EmptyTrash) -> Result<Vec<Kept>> {
        let mut chosen: Vec<Kept> = Vec::new();
        if what.words.is_empty() {
            chosen = self.volumes.removed()?;
        }
        for word in &what.words {
            for kept in self.volumes.removed_as(word)? {
                if !chosen.iter().any(|other| other.id == kept.id) {
                    chosen.push(kept);
                }
            }
        }
        if let Some(age) = what.older_than_nanos {
            let now = Time::now();
            chosen.retain(|kept| now.since(kept.removed_at) >= age);
        }
        Ok(chosen)
    }

    /// Says that a removed volume cannot be had back any more, and why.
    pub(super) fn tell_purged(&self, kept: &Kept, why: &str) {
        self.emit("volume", "purge", &kept.name, owned(&[("id", &kept.id), ("by", why)]));
    }
}

impl Emptied {
    fn add(&mut self, kept: &Kept, size: u64) {
        self.deleted.push((kept.id.clone(), kept.name.clone()));
        self.reclaimed += size;
    }
}
