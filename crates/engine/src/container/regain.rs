//! A container that takes the place of one that was removed gets its anonymous volumes back: of the name that somebody gave, or of the same number of
//! the same compose service, for the same image's repository and the same place, where nobody refers to them. Not with `--rm`, which would end them.

use stead_image::Reference;
use stead_mount::MountPoint;
use stead_volume::LastHolder;

use super::config::{Config, HostConfig};
use crate::{Engine, Result};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// Who a container is, across its removal.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    /// Without a destination; `None` where nobody could say that another container is the same.
    holder: Option<LastHolder>,
    /// Whether it gets back what its predecessor had.
    pub(super) regains: bool,
}

impl Identity {
    /// `name` is the one somebody gave: one that was made up comes again only by chance.
    pub(super) fn of(name: Option<&str>, config: &Config, host: &HostConfig, renew: bool) -> Self {
        if host.auto_remove {
            return Self::default();
        }
        let label = |key: &str| config.labels.get(key).cloned().unwrap_or_default();
        let image = Reference::parse(&config.image).map_or_else(|_| config.image.clone(), |image| image.familiar_name());
        let one = LastHolder { image, ..LastHolder::default() };
        let (project, service, number) = (label(PROJECT), label(SERVICE), label(NUMBER));
        let holder = if !project.is_empty() && !service.is_empty() {
            let is_one_off = label(ONE_OFF).eq_ignore_ascii_case("true");
            (!is_one_off).then_some(LastHolder { project, service, number, ..one })
        } else {
            name.map(|name| LastHolder { name: name.trim_start_matches('/').to_owned(), ..one })
        };
        Self { holder, regains: !renew }
    }

    /// With a place in the container.
    pub(super) fn at(&self, destination: &str) -> Option<LastHolder> {
        self.holder.clone().map(|holder| LastHolder { destination: destination.to_owned(), ..holder })
    }
}

impl Engine {
    /// The anonymous volume that a predecessor had at this mount point, if it is still there and nobody else's.
    pub(super) fn volume_to_regain(&self, identity: &Identity, point: &MountPoint) -> Result<Option<String>> {
        if !identity.regains {
            return Ok(None);
        }
        let Some(holder) = identity.at(&point.destination) else { return Ok(None) };
        let mut found = None;
        for volume in self.volumes.held_by(&holder)? {
            if !self.is_used(&volume.name)? && found.as_ref().is_none_or(|best: &stead_volume::Volume| best.created_at < volume.created_at)
            {
                found = Some(volume);
            }
        }
        Ok(found.map(|volume| volume.name))
    }
}
