//! `volume ls`: the volumes that pass the filters.

use stead_base::filter::Filters;
use stead_volume::{Size, Volume};

use super::inspect::SIZE_LIMIT;
use super::{Usage, VolumeView};
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

/// What `volume ls --wide` found.
#[derive(Debug, Clone, Default)]
pub struct WideList {
    /// By name.
    pub volumes: Vec<(VolumeView, Usage)>,
    /// Volumes that could not be read, or did not answer in time; they do not hide the others.
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

    /// The same with who uses each volume, when it was used last, and its size as far as it is known; with `measure` it is measured, and what does not
    /// answer in time becomes a warning. Nothing else of a volume's content is touched, so that one that is dead blocks nobody.
    ///
    /// # Errors
    /// A filter that is not known; the records.
    pub fn volume_list_wide(&self, filters: &Filters, measure: bool) -> Result<WideList> {
        let list = self.volume_list(filters)?;
        let mut warnings = list.warnings;
        let mut users = self.all_users()?;
        let (mut views, mut volumes) = (Vec::new(), Vec::new());
        for view in list.volumes {
            // Removed since it was listed.
            let Ok(volume) = self.volumes.get(&view.name) else { continue };
            views.push(view);
            volumes.push(volume);
        }
        let sizes: Vec<Option<Size>> = if measure {
            let measured = self.volumes.measure_all(&volumes, SIZE_LIMIT);
            let size = |(size, volume): (std::result::Result<Size, stead_volume::Error>, &Volume)| {
                size.map_err(|error| warnings.push(error.to_string())).ok().or_else(|| self.volumes.known_size(volume))
            };
            measured.into_iter().zip(&volumes).map(size).collect()
        } else {
            volumes.iter().map(|volume| self.volumes.known_size(volume)).collect()
        };
        let wide = |((mut view, volume), size): ((VolumeView, &Volume), Option<Size>)| {
            let usage = self.usage_of(volume, users.remove(&volume.name).unwrap_or_default(), size);
            usage.tell(view.status.get_or_insert_default());
            (view, usage)
        };
        let volumes = views.into_iter().zip(&volumes).zip(sizes).map(wide).collect();
        Ok(WideList { volumes, warnings })
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
