//! `network inspect`.

use super::NetworkView;
use super::view::view;
use crate::{Engine, Result};

impl Engine {
    /// The full id behind what a user typed.
    ///
    /// # Errors
    /// `network x not found`.
    pub fn network_resolve(&self, typed: &str) -> Result<String> {
        Ok(self.networks.resolve(typed)?.id)
    }

    /// One network and the running containers in it.
    ///
    /// # Errors
    /// `network x not found`.
    pub fn network_inspect(&self, typed: &str) -> Result<NetworkView> {
        let network = self.networks.resolve(typed)?;
        Ok(view(&network, Some(&self.networks.sandboxes(&|id| self.is_looked_after(id)))))
    }
}
