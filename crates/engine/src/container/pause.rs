//! Freezing a container and letting it go on.

use stead_base::Kind;
use stead_monitor::Client;

use crate::{Engine, Failure, Result};

impl Engine {
    /// Freezes every process of a container.
    ///
    /// # Errors
    /// It does not run, is paused already or restarting; the kernel has no freezer for it.
    pub fn container_pause(&self, typed: &str) -> Result<()> {
        let container = self.container(typed)?;
        self.client_of_running(&container.id)?.pause().map_err(|error| of_running(&container.id, error))
    }

    /// Lets a frozen container go on.
    ///
    /// # Errors
    /// It does not run or is not paused.
    pub fn container_unpause(&self, typed: &str) -> Result<()> {
        let container = self.container(typed)?;
        self.client_of_running(&container.id)?.unpause().map_err(|error| of_running(&container.id, error))
    }

    fn client_of_running(&self, id: &str) -> Result<Client> {
        self.client_if_alive(id)?.ok_or_else(|| not_running(id))
    }
}

/// A monitor that went while it was asked has seen the container's end: what is asked of a running one comes too late.
pub(crate) fn of_running(id: &str, error: stead_monitor::Error) -> Failure {
    match error {
        stead_monitor::Error::Gone(_) => not_running(id),
        other => other.into(),
    }
}

/// `container ID is not running`, a conflict with its present state.
pub(super) fn not_running(id: &str) -> Failure {
    Failure::new(Kind::NotRunning, format!("container {id} is not running"))
}
