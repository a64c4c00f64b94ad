//! `volume update`: the labels of a volume that is there.

use std::collections::BTreeMap;

use stead_mount::Access;
use stead_volume::Update;
use stead_volume::schedule::Plan;

use super::VolumeView;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Sets and takes away labels. Containers that use the volume do not notice.
    ///
    /// # Errors
    /// No such volume; the label that says that nobody named it.
    pub fn volume_update(
        &self,
        name: &str,
        labels: BTreeMap<String, String>,
        labels_gone: Vec<String>,
        access: Option<Access>,
    ) -> Result<VolumeView> {
        Plan::of(|key| labels.get(key)).map_err(Failure::invalid)?;
        let (volume, is_changed) = self.volumes.update(name, &Update { labels, labels_gone, access, protected: None })?;
        if is_changed {
            self.emit_volume(name, "update", &[("driver", &volume.driver)]);
        }
        Ok(self.view(&volume))
    }
}
