//! `system df`: what takes how much space, and how much of it could be had back.

use serde::Serialize;
use serde_json::Value;

use crate::container::list::{ListOptions, Summary};
use crate::volume::VolumeView;
use crate::{Engine, Result};

/// What there is, with sizes.
#[derive(Debug, Clone, Serialize)]
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
}

impl Engine {
    /// Adds up images, containers and volumes.
    ///
    /// # Errors
    /// A room cannot be read.
    pub fn system_df(&self) -> Result<DiskUsage> {
        let containers = self.container_list(&ListOptions { all: true, size: true, ..ListOptions::default() })?;
        let mut layers_size = 0;
        for diff_id in self.layers.list()? {
            layers_size += self.layers.get(&diff_id)?.map_or(0, |layer| layer.size);
        }
        let volumes = self.volume_list(&stead_base::filter::Filters::default())?.volumes;
        Ok(DiskUsage {
            layers_size,
            images: self.image_usage()?,
            containers,
            volumes: volumes.into_iter().map(|v| self.volume_with_usage(v)).collect::<Result<_>>()?,
        })
    }
}
