//! The networks of one root: made, found, listed, removed.

use std::path::PathBuf;
use std::sync::Arc;

use stead_base::Kind;
use stead_base::ids::is_lower_hex;
use stead_base::layout::{Root, RunRoot};
use stead_base::time::Time;
use stead_store::Store;
use stead_sys::durable;
use stead_sys::lock::Lock;
use stead_sys::netlink::Netlink;

use crate::error::{Error, Result};
use crate::record::{BRIDGE, CreateRequest, HOST, KIND, NONE, Network};
use crate::sandbox::{self, Sandbox};
use crate::subnet::Subnet;
use crate::{create, firewall, lease, names, wire};

/// A sandbox as young as this belongs to somebody even if nobody holds it yet: its monitor is being born.
pub(crate) const YOUNG_MS: u128 = 2_000;

/// Whether somebody still looks after a container.
pub type Alive<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// The networks of one root.
#[derive(Debug)]
pub struct Networks {
    pub(crate) root: Root,
    pub(crate) run_root: RunRoot,
    pub(crate) store: Arc<Store>,
}

impl Networks {
    /// Opens the room. Nothing is read or made yet.
    #[must_use]
    pub fn open(root: &Root, run_root: &RunRoot, store: Arc<Store>) -> Self {
        Self { root: root.clone(), run_root: run_root.clone(), store }
    }

    /// Makes a network.
    ///
    /// # Errors
    /// The request, the name or the addresses cannot be.
    pub fn create(&self, request: &CreateRequest) -> Result<Network> {
        let mut network = create::check(request)?;
        self.predefined()?;
        network.id = stead_store::new_id()?;
        let host = lease::host_blocks(&mut Netlink::open()?, &|_| false).unwrap_or_default();
        self.publish(&mut network, &host)?;
        Ok(network)
    }

    /// Chooses what is free and keeps the record, in one step: two processes never get one block.
    fn publish(&self, network: &mut Network, host: &[Subnet]) -> Result<()> {
        let (draft, seed) = (network.clone(), stead_store::identity(&self.root));
        self.store.publish(|tx| {
            *network = draft.clone();
            let (mut taken, name) = (Vec::new(), network.name.clone());
            for other in tx.list::<Network>()?.into_iter().flatten().filter(|other| other.id != draft.id) {
                if other.name == name {
                    return Err(Error::refused(Kind::Conflict, format!("network with name {name} already exists")));
                }
                if other.interface() == network.interface() {
                    return Err(Error::refused(
                        Kind::Conflict,
                        format!("bridge name {} is used by network {}", network.interface(), other.name),
                    ));
                }
                taken.extend(other.pools.iter().map(|pool| pool.subnet));
            }
            // A block that was asked for may be the host's: the start of its first container says so, if it still is.
            let asked = network.pools.iter().map(|pool| pool.subnet).collect::<Vec<_>>();
            taken.extend(host.iter().filter(|block| !asked.iter().any(|a| a.overlaps(**block))));
            create::fill(network, &taken, &seed)?;
            tx.put(network)?;
            Ok(())
        })
    }

    /// Makes sure that `bridge`, `host` and `none` are there.
    ///
    /// # Errors
    /// The store's.
    pub fn predefined(&self) -> Result<()> {
        let missing = self.store.read(|tx| {
            let mut missing = Vec::new();
            for (name, driver) in [(BRIDGE, "bridge"), (HOST, "host"), (NONE, "null")] {
                if tx.by_name::<Network>(name)?.is_none() {
                    missing.push((name, driver));
                }
            }
            Ok::<_, Error>(missing)
        })?;
        for (name, driver) in missing {
            let bridge = driver == "bridge";
            let mut network = Network {
                id: stead_store::new_id()?,
                name: name.to_owned(),
                created: Time::now(),
                driver: driver.to_owned(),
                internal: false,
                attachable: false,
                ipv4: bridge,
                ipv6: false,
                pools: Vec::new(),
                ipam_options: Default::default(),
                options: Default::default(),
                labels: Default::default(),
            };
            let host = if bridge { lease::host_blocks(&mut Netlink::open()?, &|_| false).unwrap_or_default() } else { Vec::new() };
            match self.publish(&mut network, &host) {
                // Another process was faster.
                Err(Error::Refused { kind: Kind::Conflict, .. }) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// All networks, by name. One that cannot be read is left out here and named by `system check`.
    ///
    /// # Errors
    /// The store's.
    pub fn list(&self) -> Result<Vec<Network>> {
        self.predefined()?;
        let mut networks: Vec<Network> = self.store.read(|tx| tx.list::<Network>())?.into_iter().flatten().collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }

    /// Finds one by what a user types: its name, its id, or the beginning of its id.
    ///
    /// # Errors
    /// `network x not found`, or that several ids begin so.
    pub fn resolve(&self, typed: &str) -> Result<Network> {
        let name = if typed == "default" { BRIDGE } else { typed };
        if crate::record::PREDEFINED.contains(&name) {
            self.predefined()?;
        }
        self.store.read(|tx| {
            if let Some(found) = tx.by_name::<Network>(name)? {
                return Ok(found);
            }
            if let Some(found) = tx.get::<Network>(name)? {
                return Ok(found);
            }
            let ids = if is_lower_hex(name) && !name.is_empty() { tx.ids_by_prefix(KIND, name, 2)? } else { Vec::new() };
            match ids.as_slice() {
                [id] => tx.get::<Network>(id)?.ok_or_else(|| Error::not_found(typed)),
                [] => Err(Error::not_found(typed)),
                _ => Err(Error::invalid(format!("network {typed} is ambiguous (2 matches found based on ID prefix)"))),
            }
        })
    }

    /// Removes a network and its bridge.
    ///
    /// # Errors
    /// It is predefined; a running container is in it; there is no such network.
    pub fn remove(&self, typed: &str, alive: Alive<'_>) -> Result<Network> {
        let network = self.resolve(typed)?;
        if network.is_predefined() {
            return Err(Error::refused(Kind::NotAllowed, format!("{} is a pre-defined network and cannot be removed", network.name)));
        }
        let _lock = self.lock()?;
        let sandboxes = self.live(alive);
        let users: Vec<String> = sandboxes
            .iter()
            .filter(|s| s.endpoints.iter().any(|e| e.network == network.id))
            .map(|s| format!("name:\"{}\" id:\"{}\"", s.name, stead_base::ids::short(&s.container)))
            .collect();
        if !users.is_empty() {
            let why = format!("error while removing network: network {} has active endpoints ({})", network.name, users.join(", "));
            return Err(Error::refused(Kind::NotAllowed, why));
        }
        self.store.publish(|tx| tx.delete::<Network>(&network.id).map(drop).map_err(Error::from))?;
        let mut host = Netlink::open()?;
        self.unplug_bridge(&mut host, &network)?;
        self.settle(&mut host, &sandboxes, false)?;
        Ok(network)
    }

    /// Takes the bridge of a network away, if it is ours.
    pub(crate) fn unplug_bridge(&self, host: &mut Netlink, network: &Network) -> Result<()> {
        let note = self.note();
        for link in host.links()?.iter().filter(|link| wire::is_ours(link, network, &note)) {
            host.delete(&link.name)?;
        }
        Ok(())
    }

    /// Whoever changes what containers have on the network holds this.
    pub(crate) fn lock(&self) -> Result<Lock> {
        durable::create_dir_all(&self.run_root.path().join("network"), 0o711)?;
        durable::create_dir_all(&self.run_root.locks(), 0o711)?;
        Ok(Lock::exclusive(&self.run_root.locks().join("network.lock"))?)
    }

    /// The networks of containers that live.
    pub(crate) fn live(&self, alive: Alive<'_>) -> Vec<Sandbox> {
        let mut all = sandbox::all(&self.run_root);
        all.retain(|s| sandbox::age_ms(&self.run_root, &s.container) < YOUNG_MS || alive(&s.container));
        all
    }

    /// What running containers have on the network.
    #[must_use]
    pub fn sandboxes(&self, alive: Alive<'_>) -> Vec<Sandbox> {
        self.live(alive)
    }

    /// Makes rules and names say what is true. Whether there are new names to wait for.
    pub(crate) fn settle(&self, host: &mut Netlink, sandboxes: &[Sandbox], force: bool) -> Result<bool> {
        let links = host.links()?;
        let mut networks: Vec<Network> = self.store.read(|tx| tx.list::<Network>())?.into_iter().flatten().collect();
        networks.retain(|n| n.is_bridge() && links.iter().any(|link| link.name == n.interface() && link.kind == "bridge"));
        networks.sort_by(|a, b| a.id.cmp(&b.id));
        let applied = self.applied();
        if !networks.is_empty() || applied.exists() || (force && firewall::program().is_ok()) {
            let text = firewall::render(&self.table(), &networks, sandboxes, self.mark().forwarding());
            firewall::apply(&applied, &here(), &text, force)?;
        }
        names::apply(&self.run_root, &networks, sandboxes)
    }

    /// The engine's nftables table.
    pub(crate) fn table(&self) -> String {
        let identity = stead_store::identity(&self.root);
        format!("stead-{}", identity.get(..12).unwrap_or("none"))
    }

    /// Where the rules are remembered that were applied last.
    pub(crate) fn applied(&self) -> PathBuf {
        self.run_root.path().join("network").join("rules")
    }

    /// This engine's mark on the host. Whoever asks for it holds the lock.
    pub(crate) fn mark(&self) -> wire::Mark {
        wire::Mark { note: self.note(), remembered: self.run_root.path().join("network").join("forwarding"), here: here() }
    }

    /// What this engine writes on its interfaces.
    pub(crate) fn note(&self) -> String {
        self.table()
    }

    /// The beginning of the names of this engine's interfaces that lead into containers.
    pub(crate) fn prefix(&self) -> String {
        format!("ve{}", stead_store::identity(&self.root).get(..4).unwrap_or("none"))
    }
}

/// This boot and this network namespace: rules of another are not here.
pub(crate) fn here() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}
