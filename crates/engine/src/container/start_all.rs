//! Starting many containers at once: what a system does when it comes up.

use stead_base::Kind;
use stead_base::filter::Filters;
use stead_monitor::exit;

use super::list::ListOptions;
use super::record::Container;
use crate::{Engine, Failure, Result};

/// What came of one container.
#[derive(Debug, Clone)]
pub struct Started {
    /// Its name.
    pub name: String,
    /// Whether it runs now, or why not.
    pub outcome: Result<()>,
}

impl Engine {
    /// Starts every container that the filters let through and that does not run, the oldest first; one that cannot be started hinders no other.
    ///
    /// With the filter `restart-policy` it does what Docker's daemon does when it comes up: containers that were never started stay as they
    /// are, and so do those of `unless-stopped` that a person stopped.
    ///
    /// # Errors
    /// A filter that is refused; the records cannot be read.
    pub fn container_start_all(&self, filters: &Filters) -> Result<Vec<Started>> {
        let options = ListOptions { all: true, filters: filters.clone(), ..ListOptions::default() };
        let mut waiting = Vec::new();
        for line in self.container_list(&options)?.into_iter().rev() {
            let container = match self.container(&line.id) {
                Ok(container) => container,
                // Removed since it was listed.
                Err(failure) if failure.kind == Kind::NotFound => continue,
                Err(failure) => return Err(failure),
            };
            if !self.now(&container.id).is_alive() && (!filters.has("restart-policy") || self.comes_back(&container)) {
                waiting.push(container);
            }
        }
        Ok(self.start_in_rounds(waiting))
    }

    /// A container may need another one to run (`--network container:x`), so what fails is tried again as long as others succeed.
    fn start_in_rounds(&self, mut waiting: Vec<Container>) -> Vec<Started> {
        let mut done = Vec::new();
        loop {
            let mut failed = Vec::new();
            let before = waiting.len();
            for container in waiting {
                match self.container_start(&container.id) {
                    Ok(()) => done.push(Started { name: container.name, outcome: Ok(()) }),
                    Err(failure) => failed.push((container, failure)),
                }
            }
            if failed.is_empty() || failed.len() == before {
                done.extend(failed.into_iter().map(|(container, failure)| Started { name: container.name, outcome: Err(failure) }));
                return done;
            }
            waiting = failed.into_iter().map(|(container, _)| container).collect();
        }
    }

    /// Whether a restart policy brings the container back when the machine comes up.
    fn comes_back(&self, container: &Container) -> bool {
        let ended = self.now(&container.id).exit;
        // The file is written by the first start; a container that ran when the power failed has no exit.
        let was_started = ended.is_some() || self.root.container(&container.id).join("hostname").exists();
        let by_hand = ended.is_some_and(|ended| ended.stopped_by_hand);
        was_started && !(by_hand && container.host.restart_policy.name == "unless-stopped")
    }

    /// Who starts a container takes back that somebody stopped it: after a power cut it comes up again.
    pub(super) fn forget_stop(&self, container: &Container) -> Result<()> {
        if container.host.restart_policy.name != "unless-stopped" {
            return Ok(());
        }
        match exit::read(&self.root, &container.id) {
            Some(mut ended) if ended.stopped_by_hand => {
                ended.stopped_by_hand = false;
                let path = self.root.exit(&container.id);
                exit::write(&path, &ended).map_err(|error| Failure::new(Kind::Internal, error.to_string()))
            }
            _ => Ok(()),
        }
    }
}
