//! `system prune`: what nothing needs any more, of every kind but one. A volume that somebody named is never touched.

use std::collections::BTreeSet;

use serde_json::Value;
use stead_base::filter::{FilterError, Filters};
use stead_image::Removed;

use crate::container::prune::Candidate;
use crate::container::record::{Container, VOLUME_KIND};
use crate::volume::prune::{self, Candidate as VolumeCandidate, VolumePrune};
use crate::{Engine, Failure, Result};

/// What is pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemPrune {
    /// Images with a name too, if no container uses them.
    pub all_images: bool,
    /// Anonymous volumes too.
    pub volumes: bool,
    /// `label`, `label!`, `until`.
    pub filters: Filters,
    /// Volumes cannot be had back.
    pub now: bool,
}

/// What would go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SystemPlan {
    /// Containers that do not run.
    pub containers: Vec<Candidate>,
    /// Names of networks that no container uses.
    pub networks: Vec<String>,
    /// Anonymous volumes that only these containers use, or none.
    pub volumes: Vec<VolumeCandidate>,
    /// Images, as `image ls` shows them.
    pub images: Vec<Value>,
}

/// What went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SystemPruned {
    /// Full ids.
    pub containers: Vec<String>,
    /// Names.
    pub networks: Vec<String>,
    /// Names.
    pub volumes: Vec<String>,
    /// Names and ids of images.
    pub images: Vec<Removed>,
    /// Bytes.
    pub reclaimed: u64,
    /// How many of the volumes can be had back.
    pub kept: usize,
}

impl Engine {
    /// What a prune would take now, in the order in which it would.
    ///
    /// # Errors
    /// A filter that is not known, or that volumes do not have.
    pub fn system_prune_plan(&self, prune: &SystemPrune) -> Result<SystemPlan> {
        check(prune)?;
        let containers = self.container_prune_plan(&prune.filters)?;
        let going: BTreeSet<&str> = containers.iter().map(|candidate| candidate.id.as_str()).collect();
        let volumes = if prune.volumes { self.volumes_of_nobody_but(&going, &labels(&prune.filters))? } else { Vec::new() };
        let images = self.images_of_nobody_but(&going, prune)?;
        let networks = self.network_prune_plan(&prune.filters, &going)?.into_iter().map(|network| network.name).collect();
        Ok(SystemPlan { containers, networks, volumes, images })
    }

    /// Removes containers that do not run, then what only they used. What is taken into use in between stays.
    ///
    /// # Errors
    /// As [`Engine::system_prune_plan`]; a removal failed: what went before it is gone.
    pub fn system_prune(&self, prune: &SystemPrune) -> Result<SystemPruned> {
        check(prune)?;
        let containers = self.container_prune(&prune.filters)?;
        let mut pruned = SystemPruned { containers: containers.deleted, reclaimed: containers.reclaimed, ..SystemPruned::default() };
        pruned.networks = self.network_prune(&prune.filters)?;
        if prune.volumes {
            let volumes = self.volume_prune(&labels(&prune.filters), VolumePrune { all: false, now: prune.now })?;
            pruned.volumes = volumes.deleted;
            pruned.kept = volumes.kept;
            pruned.reclaimed += volumes.reclaimed;
        }
        let (images, bytes) = self.image_prune(&prune.filters, prune.all_images)?;
        pruned.images = images;
        pruned.reclaimed += bytes;
        Ok(pruned)
    }

    fn volumes_of_nobody_but(&self, going: &BTreeSet<&str>, filters: &Filters) -> Result<Vec<VolumeCandidate>> {
        let mut candidates = Vec::new();
        for volume in self.volumes.list()?.into_iter().filter_map(std::result::Result::ok).filter(|v| prune::goes(v, filters, false)) {
            let users = self.store.read(|tx| Ok::<_, Failure>(tx.referrers(VOLUME_KIND, &volume.name)?))?;
            if users.iter().all(|(_, id)| going.contains(id.as_str())) {
                let size = self.volumes.usage(&volume.name).unwrap_or(0);
                candidates.push(VolumeCandidate { name: volume.name, size });
            }
        }
        Ok(candidates)
    }

    fn images_of_nobody_but(&self, going: &BTreeSet<&str>, prune: &SystemPrune) -> Result<Vec<Value>> {
        let mut filters = prune.filters.clone();
        if !prune.all_images {
            filters.add("dangling", "true");
        }
        let containers = self.store.read(|tx| tx.list::<Container>())?.into_iter().flatten();
        let used: BTreeSet<String> = containers.filter(|c| !going.contains(c.id.as_str())).map(|c| c.image).collect();
        let mut images = self.image_list(&filters, false)?;
        images.retain(|image| image.get("Id").and_then(Value::as_str).is_some_and(|id| !used.contains(id)));
        Ok(images)
    }
}

fn check(prune: &SystemPrune) -> Result<()> {
    prune.filters.check(&["label", "label!", "until"])?;
    if prune.volumes && prune.filters.has("until") {
        return Err(FilterError::Unknown("until".to_owned()).into());
    }
    Ok(())
}

/// The filters that volumes know.
fn labels(filters: &Filters) -> Filters {
    let mut kept = Filters::default();
    for key in ["label", "label!"] {
        filters.get(key).iter().for_each(|value| kept.add(key, value));
    }
    kept
}
