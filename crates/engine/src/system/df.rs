//! `system df`: what takes how much space, and how much of it could be had back.

use serde::Serialize;
use serde_json::Value;

use crate::container::list::{ListOptions, Summary};
use crate::system::pool::PoolView;
use crate::volume::VolumeView;
use crate::volume::trash::TrashedView;
use crate::{Engine, Result};

/// What there is, with sizes.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiskUsage {
    /// Bytes of all unpacked layers.
    pub layers_size: u64,
    /// Images, as `image ls` shows them.
    pub images: Vec<Value>,
    /// Containers with sizes.
    pub containers: Vec<Summary>,
    /// Volumes with sizes and users.
    pub volumes: Vec<VolumeView>,
    /// Removed volumes that can be had back, with sizes.
    pub removed_volumes: Vec<TrashedView>,
    /// The pool, where there is one that can be mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolView>,
}

/// The kinds of things that can be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Images.
    Images,
    /// Containers.
    Containers,
    /// Volumes.
    Volumes,
    /// Removed volumes that can be had back.
    RemovedVolumes,
    /// The pool.
    Pool,
}

impl Engine {
    /// Adds up images, containers and volumes.
    ///
    /// # Errors
    /// A room cannot be read.
    pub fn system_df(&self) -> Result<DiskUsage> {
        self.system_df_of(&[Part::Images, Part::Containers, Part::Volumes, Part::RemovedVolumes, Part::Pool])
    }

    /// Adds up some kinds of things; the others are empty.
    ///
    /// # Errors
    /// A room cannot be read.
    pub fn system_df_of(&self, parts: &[Part]) -> Result<DiskUsage> {
        let mut usage = DiskUsage::default();
        if parts.contains(&Part::Images) {
            for diff_id in self.layers.list()? {
                usage.layers_size += self.layers.get(&diff_id)?.map_or(0, |layer| layer.size);
            }
            usage.images = self.image_usage()?;
        }
        if parts.contains(&Part::Containers) {
            usage.containers = self.container_list(&ListOptions { all: true, size: true, ..ListOptions::default() })?;
        }
        if parts.contains(&Part::Volumes) {
            let volumes = self.volume_list(&stead_base::filter::Filters::default())?.volumes;
            usage.volumes = volumes.into_iter().map(|v| self.volume_with_usage(v)).collect::<Result<_>>()?;
        }
        if parts.contains(&Part::RemovedVolumes) {
            usage.removed_volumes = self.volume_trash_list()?;
        }
        if parts.contains(&Part::Pool) {
            // One that can not be looked at is told by everything that needs it.
            usage.pool = self.system_pool_inspect().ok();
        }
        Ok(usage)
    }
}
