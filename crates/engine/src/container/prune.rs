//! `container prune`: first the plan, so that people see what would go, then the deed.

use stead_base::Kind;
use stead_base::filter::{FilterError, Filters};
use stead_base::time::{Time, parse_moment};

use super::record::Container;
use super::remove::RemoveOptions;
use crate::{Engine, Failure, Result};

const FILTERS: [&str; 3] = ["label", "label!", "until"];

/// A container that a prune would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Bytes it wrote.
    pub size: u64,
}

/// What a prune took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Full ids.
    pub deleted: Vec<String>,
    /// Bytes.
    pub reclaimed: u64,
}

impl Engine {
    /// What a prune would take: containers that do not run. Their volumes stay.
    ///
    /// # Errors
    /// A filter that is not known or not a time.
    pub fn container_prune_plan(&self, filters: &Filters) -> Result<Vec<Candidate>> {
        filters.check(&FILTERS)?;
        let until = until(filters)?;
        let mut candidates = Vec::new();
        let containers = self.store.read(|tx| tx.list::<Container>())?;
        for container in containers.into_iter().filter_map(std::result::Result::ok) {
            let old = until.is_none_or(|until| container.created < until);
            if !old || !filters.labels(&container.config.labels) || !self.is_at_rest(&container.id) {
                continue;
            }
            let size = stead_layer::writable::usage(&self.root, &container.id).unwrap_or(0);
            candidates.push(Candidate { id: container.id, name: container.name, size });
        }
        Ok(candidates)
    }

    /// Removes what the plan names. A container that was started in between stays.
    ///
    /// # Errors
    /// As [`Engine::container_prune_plan`]; a removal failed; another prune is at work.
    pub fn container_prune(&self, filters: &Filters) -> Result<Pruned> {
        let _alone = self.prune_alone("containers")?;
        let mut pruned = Pruned::default();
        for candidate in self.container_prune_plan(filters)? {
            match self.container_remove(&candidate.id, RemoveOptions::default()) {
                Ok(()) => {
                    pruned.reclaimed += candidate.size;
                    pruned.deleted.push(candidate.id);
                }
                Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Conflict | Kind::InUse) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.emit("container", "prune", "", [("reclaimed".to_owned(), pruned.reclaimed.to_string())].into());
        Ok(pruned)
    }

    /// Docker lets one prune of a kind run at a time.
    pub(crate) fn prune_alone(&self, what: &str) -> Result<stead_layer::writable::Hold> {
        let alone = stead_layer::writable::hold_prune(&self.run_root, what)?;
        alone.ok_or_else(|| Failure::new(Kind::Conflict, "a prune operation is already running"))
    }

    /// Neither alive nor about to be: a prepared monitor is a start at work.
    fn is_at_rest(&self, id: &str) -> bool {
        let now = self.now(id);
        now.live.is_none() && !now.is_alive()
    }
}

/// The one `until`.
pub(crate) fn until(filters: &Filters) -> Result<Option<Time>> {
    let bad = || FilterError::Value { key: "until".to_owned(), values: filters.get("until").to_vec() };
    match filters.get("until") {
        [] => Ok(None),
        [one] => Ok(Some(parse_moment(one, Time::now()).ok_or_else(bad)?)),
        _ => Err(bad().into()),
    }
}
