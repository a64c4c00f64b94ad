//! `volume adopt`: what an anonymous volume holds is kept under a name. Nothing is copied: it is a renaming, and those who use the volume follow.

use stead_base::Kind;
use stead_volume::Volume;

use super::VolumeView;
use crate::{Engine, Failure, Result};

/// So many digits at least say which anonymous volume is meant.
const PREFIX_MIN: usize = 4;

impl Engine {
    /// Gives an anonymous volume a name. `what` is its name, the beginning of that, or `CONTAINER:PATH`, where the container has it. Stopped containers
    /// that use it start with it under its new name; while one of them runs it is refused.
    ///
    /// # Errors
    /// No such volume, or several; it has a name already; `to` cannot be or is taken; a container that runs.
    pub fn volume_adopt(&self, what: &str, to: &str) -> Result<VolumeView> {
        let volume = self.anonymous_volume(what)?;
        if !volume.anonymous {
            return Err(Failure::new(Kind::Conflict, format!("adopt {what}: it is not anonymous, it is called {}", volume.name))
                .with_hint(format!("'stead volume rename {} {to}' gives it another name", volume.name)));
        }
        self.rename_as(&volume.name, to, "adopt")
    }

    fn anonymous_volume(&self, what: &str) -> Result<Volume> {
        if let Some((container, path)) = what.split_once(':') {
            let container = self.container(container)?;
            let path = path.trim_end_matches('/');
            let name = container.mounts.iter().find(|point| point.destination == path).map(|point| point.name.as_str());
            let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
                Failure::new(Kind::NotFound, format!("container {} has no volume at {path}", container.name))
                    .with_hint(format!("'stead inspect -f \"{{{{json .Mounts}}}}\" {}' shows what it has", container.name))
            })?;
            return Ok(self.volumes.get(name)?);
        }
        let missing = match self.volumes.get(what) {
            Err(error) if error.kind() == Kind::NotFound => error,
            other => return Ok(other?),
        };
        if what.len() < PREFIX_MIN {
            return Err(missing.into());
        }
        let mut found = self.volumes.list()?.into_iter().flatten().filter(|v| v.anonymous && v.name.starts_with(what));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(Failure::invalid(format!("adopt {what}: several anonymous volumes begin so"))),
            _ => Err(missing.into()),
        }
    }
}
