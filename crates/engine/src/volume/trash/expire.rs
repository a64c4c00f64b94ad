//! What is due goes, and under pressure the oldest before its time, if the configuration says so. Part of every sweep.

use stead_base::time::Time;

use crate::system::config::{Config, PRESSURE};
use crate::{Engine, Result};

impl Engine {
    /// Gives removed volumes whose time is over to the sweep.
    ///
    /// # Errors
    /// One cannot be moved; the others are.
    pub(crate) fn expire_removed_volumes(&self) -> Result<()> {
        for kept in self.volumes.expire(Time::now())? {
            self.tell_purged(&kept, "expiry");
        }
        Ok(())
    }

    /// Whether the sweep has removed volumes to see to.
    pub(crate) fn has_removed_volumes_to_sweep(&self) -> bool {
        // What cannot be read is left to the sweep to complain about.
        self.volumes.has_trash(Time::now()).unwrap_or(true) || self.is_under_pressure()
    }

    /// Deletes the oldest removed volumes while there is less free space than the configuration asks for. Without a word there: never.
    ///
    /// # Errors
    /// The configuration cannot be understood; something cannot be deleted.
    pub(crate) fn relieve_pressure(&self) -> Result<()> {
        let Some(free) = Config::read(&self.root)?.bytes(PRESSURE)? else { return Ok(()) };
        for kept in self.volumes.relieve(free)? {
            self.tell_purged(&kept, "pressure");
        }
        Ok(())
    }

    fn is_under_pressure(&self) -> bool {
        let limit = Config::read(&self.root).and_then(|config| config.bytes(PRESSURE));
        matches!(limit, Ok(Some(free)) if self.volumes.could_relieve(free))
    }
}
