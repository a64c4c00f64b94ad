//! When snapshots of a volume are due, and which ones are kept: what the labels [`SCHEDULE`] and [`KEEP`] mean.
//!
//! Times are UTC, so that no run is skipped or doubled when clocks change. What is due is decided from the disk alone: when the last run was lies in
//! the volume's directory, and in the snapshots themselves. A run that was missed is made up for once, however many were missed.

mod cron;
mod keep;
mod memory;

use stead_base::time::Time;

use crate::record::Volume;

pub use cron::Schedule;
pub use keep::Keep;

/// The label with a volume's schedule: `@hourly`, `@daily`, `@every 15m` or the five fields of cron.
pub const SCHEDULE: &str = "stead.snapshot.schedule";
/// The label with what is kept of the snapshots that the schedule took, e.g. `24h,7d,4w`.
pub const KEEP: &str = "stead.snapshot.keep";

/// A volume's schedule, read from its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// When.
    pub schedule: Schedule,
    /// What stays; `None`: everything.
    pub keep: Option<Keep>,
}

impl Plan {
    /// What labels ask for; `None` where they ask for nothing.
    ///
    /// # Errors
    /// A label that cannot be understood, in a sentence.
    pub fn of<'l>(label: impl Fn(&str) -> Option<&'l String>) -> Result<Option<Self>, String> {
        let keep = match label(KEEP).map(String::as_str).filter(|text| !text.is_empty()) {
            Some(text) => Some(Keep::parse(text).map_err(|why| format!("invalid label {KEEP}={text}: {why}"))?),
            None => None,
        };
        let Some(text) = label(SCHEDULE).map(String::as_str).filter(|text| !text.is_empty()) else { return Ok(None) };
        let schedule = Schedule::parse(text).map_err(|why| format!("invalid label {SCHEDULE}={text}: {why}"))?;
        Ok(Some(Self { schedule, keep }))
    }

    /// A volume's.
    ///
    /// # Errors
    /// As [`Plan::of`].
    pub fn of_volume(volume: &Volume) -> Result<Option<Self>, String> {
        Self::of(|key| volume.labels.get(key))
    }

    /// Whether a run is due, given when the last one was.
    #[must_use]
    pub fn is_due(&self, last: Time, now: Time) -> bool {
        self.schedule.latest(now).is_some_and(|slot| slot > last)
    }
}
