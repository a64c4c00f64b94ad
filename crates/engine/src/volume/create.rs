//! `volume create`.

use stead_volume::CreateRequest;
use stead_volume::schedule::Plan;

use super::VolumeView;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Makes a volume, or gives the existing one of that name. The second answer names what the existing one has differently:
    /// Docker ignores that in silence (moby#16068).
    ///
    /// # Errors
    /// A name, a driver or an option that cannot be; a volume of that name with another driver.
    pub fn volume_create(&self, request: CreateRequest) -> Result<(VolumeView, Vec<String>)> {
        Plan::of(|key| request.labels.get(key)).map_err(Failure::invalid)?;
        let created = self.volumes.create(request)?;
        if created.is_new {
            self.emit_volume(&created.volume.name, "create", &[("driver", &created.volume.driver)]);
        }
        Ok((self.view(&created.volume), created.differs))
    }
}
