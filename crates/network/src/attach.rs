//! A container's way into its networks and out of them.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stead_base::Kind;
use stead_base::names::NAME_LEN_MAX;
use stead_sys::namespace;
use stead_sys::netlink::Netlink;

use crate::error::{Error, Result};
use crate::networks::{Alive, Networks};
use crate::record::Network;
use crate::sandbox::{self, Endpoint, Sandbox};
use crate::settings::{EndpointSettings, PortWish, mac_text};
use crate::wire::{self, Plug};
use crate::{create, lease, names};

/// One network that a container is in, and what it asks of it.
#[derive(Debug, Clone)]
pub struct Join {
    /// The network.
    pub network: Network,
    /// What is asked.
    pub settings: EndpointSettings,
}

/// A container that is to be put into its networks.
#[derive(Debug, Clone, Default)]
pub struct Attach {
    /// Its id.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Its host name, if somebody chose one.
    pub hostname: String,
    /// Its networks; the first becomes `eth0`.
    pub joins: Vec<Join>,
    /// Ports that shall be published.
    pub ports: Vec<PortWish>,
    /// `--dns`.
    pub dns: Vec<IpAddr>,
}

impl Networks {
    /// Makes a network namespace for a container and puts it into all its networks. The namespace lives as long as somebody holds it;
    /// the rest is taken back by [`Networks::release`].
    ///
    /// # Errors
    /// An address or a port is taken; a network is gone; the kernel or the host lacks something.
    pub fn attach(&self, wanted: &Attach, alive: Alive<'_>) -> Result<(OwnedFd, Sandbox)> {
        let mut host = Netlink::open()?;
        let (sandbox, bridges, named) = self.reserve(&mut host, wanted, alive)?;
        let wired = self.wire_new(host, wanted, &sandbox, &bridges);
        let namespace = wired.inspect_err(|_error| drop(self.release(&wanted.container, alive)))?;
        wait_for_names(&sandbox, wanted.joins.iter().map(|join| &join.network).filter(|_| named));
        Ok((namespace, sandbox))
    }

    /// Everything that others must not do at the same time.
    fn reserve(&self, host: &mut Netlink, wanted: &Attach, alive: Alive<'_>) -> Result<(Sandbox, Vec<Option<u32>>, bool)> {
        let _lock = self.lock()?;
        let mut others = self.live(alive);
        others.retain(|other| other.container != wanted.container);
        let mut sandbox =
            Sandbox { container: wanted.container.clone(), name: wanted.name.clone(), dns: wanted.dns.clone(), ..Sandbox::default() };
        let mut bridges = Vec::new();
        for join in &wanted.joins {
            let network = self.present(&join.network)?;
            let (network, bridge) = self.bridge(host, network, &others)?;
            let endpoint = self.endpoint(&sandbox, wanted, &Join { network, settings: join.settings.clone() }, &others)?;
            sandbox.endpoints.push(endpoint);
            bridges.push(bridge);
        }
        self.publish_ports(&mut sandbox, wanted, &others)?;
        sandbox::write(&self.run_root, &sandbox)?;
        others.push(sandbox.clone());
        others.sort_by(|a, b| a.container.cmp(&b.container));
        let settled = self.settle(host, &others, false);
        let named = settled.inspect_err(|_error| {
            drop(sandbox::delete(&self.run_root, &wanted.container));
        })?;
        Ok((sandbox, bridges, named))
    }

    /// The network as it is now: it may have been removed since it was looked up.
    fn present(&self, network: &Network) -> Result<Network> {
        self.store.read(|tx| tx.get::<Network>(&network.id))?.ok_or_else(|| Error::not_found(&network.name))
    }

    /// The bridge of a network, made if need be. A block that nobody asked for and nobody uses makes way for one of the host's.
    fn bridge(&self, host: &mut Netlink, mut network: Network, others: &[Sandbox]) -> Result<(Network, Option<u32>)> {
        if !network.is_bridge() {
            return Ok((network, None));
        }
        crate::firewall::program()?;
        if network.has_names() {
            names::program(&network.name)?;
        }
        let links = host.links()?;
        let made = wire::bridge(host, &network, &links, &self.mark());
        let unused = !others.iter().any(|s| s.endpoints.iter().any(|e| e.network == network.id));
        match made {
            Ok(index) => Ok((network, Some(index))),
            Err(Error::Refused { kind: Kind::NotAllowed, .. }) if unused && network.pools.iter().all(|pool| !pool.asked) => {
                network.pools.clear();
                let blocks = lease::host_blocks(host, &|_| false)?;
                self.publish_again(&mut network, &blocks)?;
                let index = wire::bridge(host, &network, &links, &self.mark())?;
                Ok((network, Some(index)))
            }
            Err(error) => Err(error),
        }
    }

    fn publish_again(&self, network: &mut Network, blocks: &[crate::subnet::Subnet]) -> Result<()> {
        let seed = stead_store::identity(&self.root);
        self.store.publish(|tx| {
            let others = tx.list::<Network>()?.into_iter().flatten().filter(|other| other.id != network.id);
            let mut taken: Vec<_> = others.flat_map(|other| other.pools).map(|pool| pool.subnet).collect();
            taken.extend(blocks);
            network.pools.clear();
            create::fill(network, &taken, &seed)?;
            tx.put(network)?;
            Ok(())
        })
    }

    /// A new place in a network: its addresses, its names, its interfaces.
    fn endpoint(&self, sandbox: &Sandbox, wanted: &Attach, join: &Join, others: &[Sandbox]) -> Result<Endpoint> {
        let (network, settings) = (&join.network, &join.settings);
        settings.check()?;
        let id = stead_store::new_id()?;
        let ipv4 = lease::address(network, settings, true, others)?;
        let ipv6 = lease::address(network, settings, false, others)?;
        let mac = lease::mac(settings, ipv4.map(|(address, _)| address), &id)?;
        let gateway = |v4: bool, address: Option<(IpAddr, u8)>| {
            address.and_then(|_| network.pool(v4)).filter(|_| !network.internal).map(|pool| pool.gateway)
        };
        let free = |n: &u32| !sandbox.endpoints.iter().any(|e| e.interface == format!("eth{n}"));
        let number = (0..).find(free).unwrap_or(0);
        let outside = network.is_bridge().then(|| format!("{}{}", self.prefix(), id.get(..8).unwrap_or_default()));
        Ok(Endpoint {
            network: network.id.clone(),
            network_name: network.name.clone(),
            interface: format!("eth{number}"),
            outside,
            mac: mac_text(mac),
            ipv4,
            ipv6,
            gateway4: gateway(true, ipv4),
            gateway6: gateway(false, ipv6),
            names: if network.has_names() { dns_names(wanted, settings) } else { Vec::new() },
            priority: settings.gw_priority,
            id,
        })
    }

    fn publish_ports(&self, sandbox: &mut Sandbox, wanted: &Attach, others: &[Sandbox]) -> Result<()> {
        if wanted.ports.is_empty() {
            return Ok(());
        }
        let (v4, v6) = (sandbox.gateway(true), sandbox.gateway(false));
        let Some(lead) = v4.or(v6) else { return Ok(()) };
        let Some(network) = wanted.joins.iter().map(|j| &j.network).find(|n| n.id == lead.network).filter(|n| n.is_bridge()) else {
            return Ok(());
        };
        let families = (v4.is_some(), v6.is_some());
        sandbox.ports = lease::ports(&wanted.ports, network, families, &wanted.name, &lead.id, others)?;
        Ok(())
    }

    fn wire_new(&self, mut host: Netlink, wanted: &Attach, sandbox: &Sandbox, bridges: &[Option<u32>]) -> Result<OwnedFd> {
        let note = self.note();
        let plugs = plugs_of(&wanted.joins, &sandbox.endpoints, bridges, &note);
        let (namespace, wired) = namespace::new_network(|| {
            let own = namespace::open(std::path::Path::new("/proc/thread-self/ns/net"))?;
            let mut inside = Netlink::open()?;
            wire::plug(&mut host, &mut inside, own.as_fd(), &plugs)?;
            wire::route(&mut inside, sandbox)
        })?;
        wired?;
        Ok(namespace)
    }

    /// Puts a running container into one more network.
    ///
    /// # Errors
    /// As [`Networks::attach`]; it is in there already.
    pub fn connect(&self, wanted: &Attach, namespace: BorrowedFd<'_>, alive: Alive<'_>) -> Result<Endpoint> {
        let [join] = wanted.joins.as_slice() else { return Err(Error::invalid("one network at a time")) };
        let mut host = Netlink::open()?;
        let lock = self.lock()?;
        let mut others = self.live(alive);
        let before = others.iter().position(|s| s.container == wanted.container).map(|at| others.remove(at)).unwrap_or_default();
        let network = self.present(&join.network)?;
        if before.endpoints.iter().any(|e| e.network == network.id) {
            let why = format!("endpoint with name {} already exists in network {}", wanted.name, network.name);
            return Err(Error::refused(Kind::NotAllowed, why));
        }
        let (network, bridge) = self.bridge(&mut host, network, &others)?;
        let join = Join { network, settings: join.settings.clone() };
        let endpoint = self.endpoint(&before, wanted, &join, &others)?;
        let mut sandbox = Sandbox { container: wanted.container.clone(), name: wanted.name.clone(), ..before.clone() };
        sandbox.endpoints.push(endpoint.clone());
        self.replace(&mut host, &sandbox, &mut others)?;
        drop(lock);
        let joined = [join];
        let note = self.note();
        let plugs = plugs_of(&joined, std::slice::from_ref(&endpoint), &[bridge], &note);
        let wired = namespace::within(namespace, || {
            let mut inside = Netlink::open()?;
            wire::plug(&mut host, &mut inside, namespace, &plugs)?;
            wire::route(&mut inside, &sandbox)
        });
        wired
            .map_err(Error::from)
            .and_then(|wired| wired)
            .inspect_err(|_error| drop(self.disconnect(&wanted.container, &endpoint.network, Some(namespace), alive)))?;
        wait_for_names(&Sandbox { endpoints: vec![endpoint.clone()], ..Sandbox::default() }, joined.iter().map(|j| &j.network));
        Ok(endpoint)
    }

    /// Takes a running container out of one of its networks. Whether it was in there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn disconnect(&self, container: &str, network: &str, namespace: Option<BorrowedFd<'_>>, alive: Alive<'_>) -> Result<bool> {
        let mut host = Netlink::open()?;
        let lock = self.lock()?;
        let mut others = self.live(alive);
        let Some(at) = others.iter().position(|s| s.container == container) else { return Ok(false) };
        let mut sandbox = others.remove(at);
        let Some(at) = sandbox.endpoints.iter().position(|e| e.network == network) else { return Ok(false) };
        let gone = sandbox.endpoints.remove(at);
        self.replace(&mut host, &sandbox, &mut others)?;
        drop(lock);
        // The end outside is out of the container's reach, whatever it has called its own.
        if let Some(outside) = &gone.outside
            && host.link(outside)?.is_some()
        {
            host.delete(outside)?;
        }
        let Some(namespace) = namespace else { return Ok(true) };
        let unplugged = namespace::within(namespace, || {
            let mut inside = Netlink::open()?;
            if gone.outside.is_none()
                && let Some(link) = wire::inner(&mut inside, &gone)?
            {
                inside.delete(&link.name)?;
            }
            wire::route(&mut inside, &sandbox)
        });
        unplugged.map_err(Error::from).and_then(|unplugged| unplugged)?;
        Ok(true)
    }

    /// Writes a changed sandbox and makes rules and names follow.
    fn replace(&self, host: &mut Netlink, sandbox: &Sandbox, others: &mut Vec<Sandbox>) -> Result<bool> {
        sandbox::write(&self.run_root, sandbox)?;
        others.push(sandbox.clone());
        others.sort_by(|a, b| a.container.cmp(&b.container));
        self.settle(host, others, false)
    }

    /// A container gets another name.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn rename(&self, container: &str, before: &str, name: &str, alive: Alive<'_>) -> Result<()> {
        let _lock = self.lock()?;
        let mut others = self.live(alive);
        let Some(at) = others.iter().position(|s| s.container == container) else { return Ok(()) };
        let mut sandbox = others.remove(at);
        name.clone_into(&mut sandbox.name);
        for known in sandbox.endpoints.iter_mut().flat_map(|e| &mut e.names).filter(|known| *known == before) {
            name.clone_into(known);
        }
        self.replace(&mut Netlink::open()?, &sandbox, &mut others).map(drop)
    }

    /// What a container had on the network is free again; it is answered to the one who took it back. Harmless when it had nothing.
    /// Its interfaces go with its namespace.
    ///
    /// # Errors
    /// The files cannot be written; `nft` refuses.
    pub fn release(&self, container: &str, alive: Alive<'_>) -> Result<Option<Sandbox>> {
        let Some(sandbox) = sandbox::read(&self.run_root, container) else { return Ok(None) };
        if sandbox.ports.is_empty() && sandbox.endpoints.iter().all(|e| e.names.is_empty()) {
            return Ok(sandbox::delete(&self.run_root, container)?.then_some(sandbox));
        }
        let _lock = self.lock()?;
        let mine = sandbox::delete(&self.run_root, container)?;
        self.settle(&mut Netlink::open()?, &self.live(alive), false)?;
        Ok(mine.then_some(sandbox))
    }
}

fn plugs_of<'a>(joins: &'a [Join], endpoints: &'a [Endpoint], bridges: &[Option<u32>], note: &'a str) -> Vec<Plug<'a>> {
    let pairs = joins.iter().zip(endpoints).zip(bridges);
    pairs.map(|((join, endpoint), bridge)| Plug { note, endpoint, network: &join.network, bridge: *bridge }).collect()
}

/// Names a container is found by: its name, its short id, its aliases, its host name. What could not be asked for in DNS is left out.
fn dns_names(wanted: &Attach, settings: &EndpointSettings) -> Vec<String> {
    let short = stead_base::ids::short(&wanted.container).to_owned();
    let mut names = vec![wanted.name.clone(), short];
    names.extend(settings.aliases.iter().flatten().cloned());
    names.push(wanted.hostname.clone());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| is_dns_name(name) && seen.insert(name.clone()));
    names
}

fn is_dns_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_LEN_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Names are answered before the program starts that may ask for them.
fn wait_for_names<'a>(sandbox: &Sandbox, networks: impl Iterator<Item = &'a Network>) {
    for network in networks.filter(|n| n.has_names()) {
        let endpoint = sandbox.endpoints.iter().find(|e| e.network == network.id);
        let name = endpoint.and_then(|e| e.names.iter().find(|name| name.split('.').all(|part| (1..64).contains(&part.len()))));
        let has_v4 = endpoint.is_some_and(|e| e.ipv4.is_some());
        if let (Some(name), Some(pool)) = (name, network.pool(has_v4)) {
            names::wait_for(pool.gateway, name);
        }
    }
}
