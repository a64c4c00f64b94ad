//! `volume rm`.

use stead_base::Kind;
use stead_volume::{Removal, Removed};

use crate::system::config::{Config, KEEP_ANONYMOUS, KEEP_NAMED};
use crate::{Engine, Failure, Result};

/// How a volume is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VolumeRemove {
    /// One that is not there is no error. Nothing else is forgiven.
    pub force: bool,
    /// It cannot be had back: its space is given back at once.
    pub now: bool,
}

/// What is kept where `config.json` cannot be understood: the defaults, in nanoseconds, for volumes with a name and without.
const DEFAULT_NANOS: [i128; 2] = [7 * DAY, DAY];
const DAY: i128 = 24 * 3600 * 1_000_000_000;

impl Engine {
    /// Removes a volume. It is gone at once; for as long as the configuration says it can be had back with `volume undelete`.
    ///
    /// # Errors
    /// A container refers to it, or it is protected (`force` does not change that); `get x: no such volume` unless `force`.
    pub fn volume_remove(&self, name: &str, how: VolumeRemove) -> Result<()> {
        match self.remove_volume(name, how, "volume rm") {
            Ok(_) => Ok(()),
            Err(error) if how.force && error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The removal itself and its events, for every verb that removes volumes; `why` is the verb.
    pub(crate) fn remove_volume(&self, name: &str, how: VolumeRemove, why: &str) -> std::result::Result<Removed, stead_volume::Error> {
        let driver = self.volumes.get(name).map(|volume| volume.driver).unwrap_or_default();
        let keep_nanos = if how.now { [0, 0] } else { self.keep_nanos() };
        let removed = self.volumes.remove_as(name, &Removal { force: how.force, keep_nanos, why: why.to_owned() })?;
        if removed != Removed::Absent {
            self.emit_volume(name, "destroy", &[("driver", &driver)]);
        }
        if let Removed::Kept { id, until } = &removed {
            self.emit_volume(name, "trash", &[("driver", &driver), ("id", id), ("keepUntil", &until.rfc3339())]);
        }
        Ok(removed)
    }

    /// For how long removed volumes stay. A configuration that cannot be understood must not make a removal delete what would have been kept.
    pub(super) fn keep_nanos(&self) -> [i128; 2] {
        let read = || -> Result<[i128; 2]> {
            let config = Config::read(&self.root)?;
            Ok([config.age(KEEP_NAMED)?, config.age(KEEP_ANONYMOUS)?])
        };
        read().unwrap_or_else(|failure: Failure| {
            self.warn(&format!("{failure}; removed volumes are kept as if nothing were set"));
            DEFAULT_NANOS
        })
    }
}
