//! `volume prune`: first the plan, so that people see what would go, then the deed.

use stead_base::Kind;
use stead_base::filter::Filters;
use stead_volume::Volume;

use super::VolumeRemove;
use crate::emit::owned;
use crate::{Engine, Failure, Result};

const FILTERS: [&str; 3] = ["all", "label", "label!"];

/// How a prune takes volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VolumePrune {
    /// Those that somebody named too.
    pub all: bool,
    /// They cannot be had back.
    pub now: bool,
}

/// A volume that a prune would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Bytes it holds.
    pub size: u64,
}

/// What a prune took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Names.
    pub deleted: Vec<String>,
    /// Bytes.
    pub reclaimed: u64,
    /// How many of them can be had back.
    pub kept: usize,
}

impl Engine {
    /// What a prune would take: volumes of the `local` driver without options that no container refers to; only anonymous ones unless `all`.
    ///
    /// # Errors
    /// A filter that is not known.
    pub fn volume_prune_plan(&self, filters: &Filters, all: bool) -> Result<Vec<Candidate>> {
        filters.check(&FILTERS)?;
        let said = filters.get("all");
        if said.len() > 1 {
            return Err(Failure::invalid(format!("invalid filter 'all=[{}]': only one value is expected", said.join(" "))));
        }
        let all = filters.flag("all")?.unwrap_or(false) || all;
        let mut candidates = Vec::new();
        for volume in self.volumes.list()?.into_iter().filter_map(std::result::Result::ok) {
            if goes(&volume, filters, all) && !self.is_used(&volume.name)? {
                let size = self.volumes.usage(&volume.name).unwrap_or(0);
                candidates.push(Candidate { name: volume.name, size });
            }
        }
        candidates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(candidates)
    }

    /// Removes what the plan names. A volume that got a user in between stays, and one that is protected. What goes can be had back for a
    /// while unless `how.now`; `reclaimed` is what it holds in either case, and the disk has it back when nobody can have it back.
    ///
    /// # Errors
    /// As [`Engine::volume_prune_plan`]; a removal failed.
    pub fn volume_prune(&self, filters: &Filters, how: VolumePrune) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let each = VolumeRemove { force: false, now: how.now };
        for candidate in self.volume_prune_plan(filters, how.all)? {
            match self.remove_volume(&candidate.name, each, "volume prune") {
                Ok(removed) => {
                    pruned.kept += usize::from(matches!(removed, stead_volume::Removed::Kept { .. }));
                    pruned.reclaimed += candidate.size;
                    pruned.deleted.push(candidate.name);
                }
                Err(error) if matches!(error.kind(), Kind::InUse | Kind::NotFound | Kind::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.emit("volume", "prune", "", owned(&[("reclaimed", &pruned.reclaimed.to_string())]));
        Ok(pruned)
    }
}

pub(crate) fn goes(volume: &Volume, filters: &Filters, all: bool) -> bool {
    !volume.protected
        && volume.driver == "local"
        && volume.options.is_empty()
        && (all || volume.anonymous)
        && filters.labels(&volume.labels)
}
