//! `network connect`.

use std::os::fd::AsFd as _;

use serde_json::Value;
use stead_base::Kind;
use stead_network::{EndpointSettings, Join, Mode, Network};

use crate::container::record::Container;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Puts a container into a network, now if it runs and at every start from here on.
    ///
    /// # Errors
    /// It is in there already; it shares the host's or another container's network; an address is taken; there is no such network or container.
    pub fn network_connect(&self, typed: &str, container: &str, settings: Option<&Value>) -> Result<()> {
        let network = self.networks.resolve(typed)?;
        let id = self.container(container)?.id;
        let value = settings.cloned().unwrap_or_else(|| serde_json::json!({}));
        let asked = EndpointSettings::read(&value)?;
        asked.check()?;
        // What it is in and whether it runs is read under the lock: two who connect at once are one after the other.
        let _held = self.hold_rootfs(&id)?;
        let container = self.container(&id)?;
        connectable(&container, &network)?;
        if is_member(self, &container, &network) {
            let why = format!("endpoint with name {} already exists in network {}", container.name, network.name);
            return Err(Failure::new(Kind::NotAllowed, why));
        }
        // One that is restarting keeps its namespace, where it cannot be reached: that is refused, as exec is.
        if self.now(&container.id).is_alive() {
            let mut wanted = self.attach_request(&container)?;
            wanted.joins = vec![Join { network: network.clone(), settings: asked }];
            let namespace = self.namespace_of(&container.id)?;
            self.networks.connect(&wanted, namespace.as_fd(), &|id| self.is_looked_after(id))?;
        }
        let kept = self.change_networks(&container.id, |container| {
            name_default(container);
            container.networking.endpoints_config.insert(network.name.clone(), value.clone());
        });
        kept.inspect_err(|_failure| {
            let namespace = self.namespace_of(&container.id).ok();
            let alive = |id: &str| self.is_looked_after(id);
            drop(self.networks.disconnect(&container.id, &network.id, namespace.as_ref().map(|n| n.as_fd()), &alive));
        })?;
        self.refresh_files(&container.id)?;
        self.emit_network(&network.id, &network.name, &network.driver, "connect", Some(&container.id));
        Ok(())
    }

    /// Changes what a container's record says of its networks.
    pub(super) fn change_networks(&self, id: &str, change: impl Fn(&mut Container)) -> Result<()> {
        self.store.publish(|tx| {
            let mut container = tx.get::<Container>(id)?.ok_or_else(|| Failure::no_container(id))?;
            change(&mut container);
            tx.put(&container)?;
            Ok(())
        })
    }

    /// A running container sees its new addresses and name servers in its files.
    pub(super) fn refresh_files(&self, id: &str) -> Result<()> {
        let container = self.container(id)?;
        let now = self.now(id);
        match self.sandbox(&container, &now) {
            Some(sandbox) => self.rewrite_engine_files(&container, &sandbox),
            None => Ok(()),
        }
    }
}

/// Whether the container is or will be in the network.
pub(super) fn is_member(engine: &Engine, container: &Container, network: &Network) -> bool {
    container.networks().iter().any(|name| engine.networks.resolve(name).is_ok_and(|n| n.id == network.id))
}

/// Records of versions without bridges do not name the network of those that asked for none.
pub(super) fn name_default(container: &mut Container) {
    if let [only] = container.networks().as_slice()
        && only == stead_network::BRIDGE
    {
        only.clone_into(&mut container.host.network_mode);
        container.networking.endpoints_config.entry(only.clone()).or_insert_with(|| serde_json::json!({}));
    }
}

fn connectable(container: &Container, network: &Network) -> Result<()> {
    let refuse = |what: &str| Err(Failure::new(Kind::NotAllowed, what));
    if network.driver == "host" {
        return refuse("cannot connect container to host network - container must be created in host network mode");
    }
    match Mode::parse(&container.host.network_mode) {
        Mode::Host | Mode::Container(_) => {
            refuse("container sharing network namespace with another container or host cannot be connected to any other network")
        }
        Mode::None => refuse("container cannot be connected to multiple networks with one of the networks in private (none) mode"),
        _ if network.driver == "null" => {
            refuse("container cannot be connected to multiple networks with one of the networks in private (none) mode")
        }
        _ => Ok(()),
    }
}
