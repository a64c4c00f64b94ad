//! `system check`: what a crash left, and finishing or forgetting it. Never deletes what a user wrote.

use std::time::Duration;

use serde::Serialize;
use stead_base::Kind;
use stead_layer::writable;

use crate::container::record::Container;
use crate::{Engine, Failure, Result};

/// A monitor without a record is looked at so many times before it is named.
const LEAVING_LOOKS: usize = 40;
const LEAVING_LOOK: Duration = Duration::from_millis(50);

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// `container`, `volume`, `layer`, `mount`, `network`, `store`.
    pub room: &'static str,
    /// What it is about.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub problem: String,
    /// Whether this run has put it right.
    pub repaired: bool,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// In the order of the rooms.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|f| f.repaired)
    }

    pub(super) fn add(&mut self, room: &'static str, subject: impl Into<String>, problem: impl Into<String>, repaired: bool) {
        self.findings.push(Finding { room, subject: subject.into(), problem: problem.into(), repaired });
    }
}

impl Engine {
    /// Looks at every room; with `repair` it finishes what was begun and lets go of what nobody holds.
    ///
    /// # Errors
    /// A room cannot be read at all. What is wrong with single objects is a finding.
    pub fn system_check(&self, repair: bool) -> Result<Report> {
        let mut report = Report::default();
        if let Err(error) = self.store.verify() {
            // Putting it right needs a store that nobody has open: see `system_repair`.
            report.add("store", self.root.database().display().to_string(), error.to_string(), false);
        }
        self.check_volumes(repair, &mut report)?;
        self.check_containers(repair, &mut report)?;
        self.check_monitors(repair, &mut report)?;
        self.check_mounts(repair, &mut report)?;
        self.check_images(repair, &mut report)?;
        self.check_networks(repair, &mut report)?;
        if repair {
            for id in writable::clear_staging(&self.root, &self.run_root)? {
                report.add("container", id, "left by an adoption that did not end; removed", true);
            }
            self.sweep()?;
        }
        Ok(report)
    }

    fn check_containers(&self, repair: bool, report: &mut Report) -> Result<()> {
        // Looked at before the records: a container that is created meanwhile has its record before its directory.
        let directories = writable::ids(&self.root)?;
        let mut known = std::collections::BTreeSet::new();
        for record in self.store.read(|tx| tx.list::<Container>())? {
            match record {
                Ok(container) => {
                    self.check_container(&container, repair, report)?;
                    known.insert(container.id);
                }
                Err(bad) => {
                    known.insert(bad.id.clone());
                    report.add("container", bad.id.clone(), bad.to_string(), false);
                }
            }
        }
        // Looked at after the records, so that a container that is removed meanwhile is known as such.
        let removed = self.interrupted_removals()?;
        for id in directories.into_iter().filter(|id| !known.contains(id) && writable::exists(&self.root, id)) {
            if removed.contains(&id) {
                if self.settle_removal(&id, repair)? {
                    report.add("container", id, "its removal was interrupted", repair);
                }
            } else if writable::is_half_adopted(&self.root, &id) {
                self.check_half_adopted(&id, repair, report)?;
            } else {
                // It may hold the only copy of what somebody wrote before the records were lost: named, never deleted.
                report.add("container", id, "its directory has no record; it is kept, move it away if it is of no use", false);
            }
        }
        Ok(())
    }

    /// A copy of what another engine still has: it goes, unless somebody is at it now.
    fn check_half_adopted(&self, id: &str, repair: bool, report: &mut Report) -> Result<()> {
        let Some(_held) = writable::hold_if_free(&self.run_root, id)? else { return Ok(()) };
        let is_recorded = self.store.read(|tx| tx.exists(crate::container::record::KIND, id))?;
        if is_recorded || !writable::is_half_adopted(&self.root, id) {
            return Ok(());
        }
        if repair {
            writable::discard(&self.root, id)?;
        }
        report.add("container", id, "its adoption was interrupted", repair);
        Ok(())
    }

    fn check_container(&self, container: &Container, repair: bool, report: &mut Report) -> Result<()> {
        let settled = stead_monitor::left_behind(&self.run_root, &container.id).is_some();
        if settled {
            report.add("container", &*container.name, "its monitor was killed; its end is recorded as 137", repair);
            if repair {
                self.settle(container)?;
                self.container_reap(&container.id)?;
            }
        }
        for volume in container.volumes() {
            if matches!(self.volumes.get(volume), Err(error) if error.kind() == Kind::NotFound) {
                report.add("container", &*container.name, format!("its volume {volume} is not there"), false);
            }
        }
        for diff_id in crate::container::diff_ids(container)? {
            if self.layers.get(&diff_id)?.is_none() {
                report.add(
                    "container",
                    &*container.name,
                    format!("layer {diff_id} of its image is not there; pull {} again", container.config.image),
                    false,
                );
            }
        }
        Ok(())
    }

    /// A monitor without a record is in no list, and no verb reaches it. One whose files are gone as well has nothing to lose.
    fn check_monitors(&self, repair: bool, report: &mut Report) -> Result<()> {
        // One that has told its end may take a moment to leave.
        for _ in 0..LEAVING_LOOKS {
            if self.strays()?.is_empty() {
                return Ok(());
            }
            std::thread::sleep(LEAVING_LOOK);
        }
        for stray in self.strays()? {
            let is_bare = !writable::exists(&self.root, &stray.id) && !self.run_root.container(&stray.id).exists();
            if repair && is_bare {
                stead_monitor::census::end(&self.root, &stray)?;
            }
            let problem = format!("it has a monitor (process {}) and no record", stray.pid);
            report.add("container", stray.id, problem, repair && is_bare);
        }
        Ok(())
    }

    fn strays(&self) -> Result<Vec<stead_monitor::census::Living>> {
        let living = stead_monitor::census::living(&self.root);
        self.store.read(|tx| {
            let mut strays = Vec::new();
            for monitor in living {
                if !tx.exists(crate::container::record::KIND, &monitor.id)? {
                    strays.push(monitor);
                }
            }
            Ok(strays)
        })
    }

    fn check_volumes(&self, repair: bool, report: &mut Report) -> Result<()> {
        if let Ok(state) = self.volumes.pool_state() {
            for warning in super::pool::warnings(&state) {
                report.add("volume", "(pool)", warning, false);
            }
        }
        for finding in if repair { self.volumes.repair()? } else { self.volumes.recover()? } {
            report.add("volume", finding.subject, finding.problem, finding.repaired);
        }
        Ok(())
    }

    fn check_mounts(&self, repair: bool, report: &mut Report) -> Result<()> {
        let alive = |holder: &str| self.volumes.verb_is_alive(holder).unwrap_or_else(|| self.now(holder).is_alive());
        for finding in stead_mount::activate::recover(&self.run_root, repair, &alive)? {
            report.add("mount", finding.subject, finding.problem, finding.repaired);
        }
        Ok(())
    }

    fn check_networks(&self, repair: bool, report: &mut Report) -> Result<()> {
        for finding in self.networks.check(repair, &|id| self.is_looked_after(id))? {
            report.add("network", finding.subject, finding.problem, repair);
        }
        Ok(())
    }

    fn check_images(&self, repair: bool, report: &mut Report) -> Result<()> {
        for (subject, problem) in self.images.check()? {
            report.add("image", subject, problem, false);
        }
        if repair {
            for left in self.layers.recover()? {
                report.add("layer", left, "left by an unpacking that did not end; removed", true);
            }
        }
        Ok::<_, Failure>(())
    }
}
