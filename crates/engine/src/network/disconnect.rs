//! `network disconnect`.

use std::os::fd::AsFd as _;

use stead_base::Kind;

use super::connect::{is_member, name_default};
use crate::{Engine, Failure, Result};

impl Engine {
    /// Takes a container out of a network, now if it runs and for all later starts. With `force` a container that does not exist is no error.
    ///
    /// # Errors
    /// It is not in there; it was created in the host's network; there is no such network or container.
    pub fn network_disconnect(&self, typed: &str, container: &str, force: bool) -> Result<()> {
        let network = self.networks.resolve(typed)?;
        let id = match self.container(container) {
            Err(failure) if force && failure.kind == Kind::NotFound => return Ok(()),
            found => found?.id,
        };
        if network.driver == "host" {
            let why = "cannot disconnect container from host network - container was created in host network mode";
            return Err(Failure::new(Kind::NotAllowed, why));
        }
        let _held = self.hold_rootfs(&id)?;
        let container = self.container(&id)?;
        if !is_member(self, &container, &network) {
            let why = format!("container {} is not connected to network {}", container.id, network.name);
            return Err(Failure::new(Kind::NotAllowed, why));
        }
        if self.now(&container.id).is_alive() {
            let namespace = self.namespace_of(&container.id)?;
            self.networks.disconnect(&container.id, &network.id, Some(namespace.as_fd()), &|id| self.is_looked_after(id))?;
        }
        let is_it = |name: &str| self.networks.resolve(name).is_ok_and(|n| n.id == network.id);
        self.change_networks(&container.id, |container| {
            name_default(container);
            container.networking.endpoints_config.retain(|name, _| !is_it(name));
        })?;
        self.refresh_files(&container.id)?;
        self.emit_network(&network.id, &network.name, &network.driver, "disconnect", Some(&container.id));
        Ok(())
    }
}
