//! `network rm`.

use crate::{Engine, Result};

impl Engine {
    /// Removes a network with its bridge. Containers that do not run may refer to it: they will not start.
    ///
    /// # Errors
    /// A running container is in it, it is one of those that are always there, there is no such network.
    pub fn network_remove(&self, typed: &str) -> Result<()> {
        let network = self.networks.remove(typed, &|id| self.is_looked_after(id))?;
        self.emit_network(&network.id, &network.name, &network.driver, "destroy", None);
        Ok(())
    }
}
