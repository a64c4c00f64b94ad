//! `system run-due`: what schedules ask for by now. Anybody may call it at any time and as often as he likes: what was done is not done twice.

use std::collections::BTreeSet;

use serde::Serialize;
use stead_base::Kind;
use stead_base::time::Time;
use stead_volume::schedule::Plan;
use stead_volume::{Snapshot, SnapshotRequest, Volume, Why};

use crate::{Engine, Result};

/// What a call did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DueReport {
    /// Snapshots that were taken, as `VOL@SNAP`.
    pub taken: Vec<String>,
    /// Snapshots of schedules that are not kept any longer, as `VOL@SNAP`.
    pub removed: Vec<String>,
    /// What went wrong, a sentence for each volume; it is tried again the next time.
    pub failures: Vec<String>,
    /// When something is due next; RFC 3339. Absent where nothing is scheduled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Somebody else is at it.
    pub busy: bool,
}

impl Engine {
    /// Takes the snapshots that are due, and removes those of schedules that are not kept any longer. A volume that fails hinders no other.
    /// Then it deletes removed volumes whose time is over.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn system_run_due(&self) -> Result<DueReport> {
        let mut report = self.run_schedules()?;
        if self.has_trash()
            && let Err(failure) = self.sweep()
        {
            report.failures.push(format!("deleting what was removed: {}", failure.message));
        }
        // What is full is told, and what may grow grows.
        match self.volume_watch_space() {
            Ok(failures) => report.failures.extend(failures),
            Err(failure) => report.failures.push(format!("looking how full volumes are: {}", failure.message)),
        }
        Ok(report)
    }

    fn run_schedules(&self) -> Result<DueReport> {
        let mut report = DueReport::default();
        let volumes = self.volumes.scheduled()?;
        if volumes.is_empty() {
            return Ok(report);
        }
        let Some(_turn) = self.volumes.turn_at_schedules()? else {
            return Ok(DueReport { busy: true, ..report });
        };
        let mut next: Option<Time> = None;
        for volume in volumes {
            let plan = match Plan::of_volume(&volume) {
                Ok(Some(plan)) => plan,
                Ok(None) => continue,
                Err(why) => {
                    report.failures.push(format!("{}: {why}", volume.name));
                    continue;
                }
            };
            match self.run_schedule(&volume, &plan, &mut report) {
                // Removed since the list was read.
                Err(failure) if failure.kind == Kind::NotFound => continue,
                Err(failure) => report.failures.push(format!("{}: {}", volume.name, failure.message)),
                Ok(()) => {}
            }
            next = next.into_iter().chain(plan.schedule.next(Time::now())).min();
        }
        report.next = next.map(Time::rfc3339);
        Ok(report)
    }

    fn run_schedule(&self, volume: &Volume, plan: &Plan, report: &mut DueReport) -> Result<()> {
        let name = &volume.name;
        let now = Time::now();
        let last = self.volumes.last_run(volume, &self.volumes.snapshot_list(name)?, now);
        if plan.is_due(last, now) {
            let request = SnapshotRequest { volume: name.clone(), why: Why::Schedule, ..SnapshotRequest::default() };
            let taken = self.volume_snapshot_hooked(&request, true)?;
            // Noted after it: a run that was killed is made up for, not forgotten.
            self.volumes.note_run(name, now)?;
            report.taken.push(format!("{name}@{}", taken.name));
            report.failures.extend(taken.warnings.iter().map(|why| format!("{name}: {why}")));
        }
        self.expire(name, plan, report)
    }

    /// Only what a schedule took, and never the last of it.
    fn expire(&self, name: &str, plan: &Plan, report: &mut DueReport) -> Result<()> {
        let Some(keep) = &plan.keep else { return Ok(()) };
        let mut scheduled: Vec<Snapshot> = self.volumes.snapshot_list(name)?;
        scheduled.retain(|snapshot| snapshot.why == Why::Schedule);
        let moments: Vec<Time> = scheduled.iter().map(|snapshot| snapshot.created_at).collect();
        let kept: BTreeSet<usize> = keep.choose(&moments);
        for (_, snapshot) in scheduled.iter().enumerate().filter(|(at, _)| !kept.contains(at)) {
            match self.volume_snapshot_remove(name, &snapshot.name) {
                Ok(()) => report.removed.push(format!("{name}@{}", snapshot.name)),
                // Mounted: it goes when it is not any more. Or gone already.
                Err(failure) if matches!(failure.kind, Kind::InUse | Kind::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}
