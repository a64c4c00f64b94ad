//! `network create`.

use stead_network::CreateRequest;

use crate::{Engine, Result};

impl Engine {
    /// Makes a network and answers its id.
    ///
    /// # Errors
    /// The name is taken or cannot be, the driver does not exist, the addresses are somebody's.
    pub fn network_create(&self, request: &CreateRequest) -> Result<String> {
        let network = self.networks.create(request)?;
        self.emit_network(&network.id, &network.name, &network.driver, "create", None);
        Ok(network.id)
    }
}
