//! `volume ls`: the volumes that pass the filters.

use stead_base::filter::Filters;
use stead_volume::Volume;

use super::VolumeView;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Failure, Result};

const FILTERS: [&str; 5] = ["dangling", "driver", "label", "label!", "name"];

/// What `volume ls` found.
#[derive(Debug, Clone, Default)]
pub struct VolumeList {
    /// By name.
    pub volumes: Vec<VolumeView>,
    /// Volumes that could not be read; they do not hide the others.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Lists volumes by name. One that cannot be read becomes a warning.
    ///
    /// # Errors
    /// A filter that is not known.
    pub fn volume_list(&self, filters: &Filters) -> Result<VolumeList> {
        filters.check(&FILTERS)?;
        let dangling = filters.flag("dangling")?;
        let mut list = VolumeList::default();
        for volume in self.volumes.list()? {
            match volume {
                Ok(volume) => {
                    if self.passes(&volume, filters, dangling)? {
                        list.volumes.push(self.view(&volume));
                    }
                }
                Err(bad) => list.warnings.push(bad.to_string()),
            }
        }
        list.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    fn passes(&self, volume: &Volume, filters: &Filters, dangling: Option<bool>) -> Result<bool> {
        let matches = filters.any("name", |wanted| volume.name.contains(wanted))
            && filters.any("driver", |wanted| volume.driver == wanted)
            && filters.labels(&volume.labels);
        match dangling {
            Some(wanted) if matches => Ok(wanted != self.is_used(&volume.name)?),
            _ => Ok(matches),
        }
    }

    /// Whether any container, stopped or not, refers to the volume.
    pub(crate) fn is_used(&self, name: &str) -> Result<bool> {
        self.store.read(|tx| Ok::<_, Failure>(!tx.referrers(VOLUME_KIND, name)?.is_empty()))
    }
}
