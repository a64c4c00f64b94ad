//! Interfaces: the bridge of a network on the host, and the ends that lead into containers.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use stead_base::Kind as Broad;
use stead_sys::durable;
use stead_sys::link::{Kind, Link, NewLink};
use stead_sys::netlink::Netlink;

use crate::error::{Error, Result};
use crate::record::{Network, OPTION_ICC};
use crate::sandbox::{Endpoint, Sandbox};
use crate::settings::parse_mac;
use crate::{create, lease};

const ENODEV: i32 = 19;
const MACVLAN_MODES: [(&str, u32); 4] = [("bridge", 4), ("private", 1), ("vepa", 2), ("passthru", 8)];
const IPVLAN_MODES: [(&str, u16); 3] = [("l2", 0), ("l3", 1), ("l3s", 2)];

/// What this engine made the host forward that did not before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Forwarding {
    /// IPv4.
    pub(crate) v4: bool,
    /// IPv6.
    pub(crate) v6: bool,
}

/// This engine's mark on the host: what it writes on its interfaces, and where it remembers, for this boot and this namespace, what it made the host forward.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) note: String,
    pub(crate) remembered: PathBuf,
    pub(crate) here: String,
}

impl Mark {
    /// What this engine made the host forward.
    pub(crate) fn forwarding(&self) -> Forwarding {
        let text = std::fs::read_to_string(&self.remembered).unwrap_or_default();
        let Some(families) = text.strip_prefix(&self.here) else { return Forwarding::default() };
        Forwarding { v4: families.contains(" ipv4"), v6: families.contains(" ipv6") }
    }

    /// Makes the host forward. Where it did not, that is remembered first, so that it does not become a router for everybody.
    fn forward(&self, parameter: &str, v6: bool) -> Result<()> {
        if std::fs::read_to_string(Path::new("/proc/sys").join(parameter)).is_ok_and(|now| now.trim() == "0") {
            let mut ours = self.forwarding();
            *(if v6 { &mut ours.v6 } else { &mut ours.v4 }) = true;
            let words: String = [(ours.v4, " ipv4"), (ours.v6, " ipv6")].into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
            durable::replace_unflushed(&self.remembered, format!("{}{words}\n", self.here).as_bytes(), 0o600)?;
        }
        set(parameter, "1");
        Ok(())
    }
}

/// The bridge of a network: made if it is not there. `mark` is this engine's, so that its interfaces are known for its own.
///
/// # Errors
/// The host reaches the network's addresses otherwise; the kernel refuses.
pub(crate) fn bridge(host: &mut Netlink, network: &Network, links: &[Link], mark: &Mark) -> Result<u32> {
    let name = network.interface();
    if let Some(there) = links.iter().find(|link| link.name == name) {
        if there.kind != "bridge" {
            return Err(Error::refused(Broad::Conflict, format!("interface {name} of network {} is not a bridge", network.name)));
        }
        if there.alias == mark.note {
            return Ok(there.index);
        }
        addresses(host, network, there.index, &name, mark)?;
        // Somebody else's bridge, which the user named, is never deleted. One of our naming is ours: a crash came before its note.
        if there.alias.is_empty() && is_generated(&name, network) {
            host.note(there.index, &mark.note)?;
        }
        return Ok(there.index);
    }
    let blocks = lease::host_blocks(host, &|_| false)?;
    if network.pools.iter().any(|pool| blocks.iter().any(|block| block.overlaps(pool.subnet))) {
        return Err(create::overlap());
    }
    let mac = lease::id_bytes(&network.id);
    let mac = [2, 0x42, mac[0], mac[1], mac[2], mac[3]];
    let new = NewLink { name: &name, kind: Kind::Bridge, mac: Some(mac), mtu: network.mtu(), master: None, namespace: None, up: true };
    let made = host.create(&new);
    made.map_err(|source| Error::Kernel { what: format!("cannot make the bridge of network {}", network.name), source })?;
    let finish = |host: &mut Netlink| -> Result<u32> {
        let there = host
            .link(&name)?
            .ok_or_else(|| Error::from(stead_sys::Error::new("find", &name, std::io::Error::from_raw_os_error(ENODEV))))?;
        addresses(host, network, there.index, &name, mark)?;
        // The note comes last: a bridge without it gets its addresses again.
        host.note(there.index, &mark.note)?;
        Ok(there.index)
    };
    finish(host).inspect_err(|_error| drop(host.delete(&name)))
}

fn addresses(host: &mut Netlink, network: &Network, index: u32, name: &str, mark: &Mark) -> Result<()> {
    let there = host.addresses()?;
    for pool in &network.pools {
        if !there.iter().any(|(i, address, _)| *i == index && *address == pool.gateway) {
            host.add_address(index, pool.gateway, pool.subnet.prefix())?;
        }
    }
    host.up(index)?;
    // Ports published on the loopback lead over the bridge; see the chain `guard`.
    set(&format!("net/ipv4/conf/{name}/route_localnet"), "1");
    mark.forward("net/ipv4/ip_forward", false)?;
    if network.ipv6 {
        keep_router_advertisements();
        mark.forward("net/ipv6/conf/all/forwarding", true)?;
    } else {
        set(&format!("net/ipv6/conf/{name}/disable_ipv6"), "1");
    }
    Ok(())
}

/// A host that forwards IPv6 no longer listens to its routers, and would lose its own address, unless its interfaces are told to.
fn keep_router_advertisements() {
    let interfaces = std::fs::read_dir("/proc/sys/net/ipv6/conf").into_iter().flatten().flatten();
    for name in interfaces.filter_map(|entry| entry.file_name().into_string().ok()) {
        let parameter = format!("net/ipv6/conf/{name}/accept_ra");
        if std::fs::read_to_string(Path::new("/proc/sys").join(&parameter)).is_ok_and(|now| now.trim() == "1") {
            set(&parameter, "2");
        }
    }
}

/// Sets a parameter of this thread's network namespace. A host that forbids it has its reasons; what then does not work shows itself.
fn set(parameter: &str, value: &str) {
    use std::io::Write as _;
    let path = Path::new("/proc/sys").join(parameter);
    if std::fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) {
        return;
    }
    drop(std::fs::OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(value.as_bytes())));
}

/// One end to be made: the endpoint, its network, and the bridge it is plugged into where there is one.
#[derive(Debug)]
pub(crate) struct Plug<'a> {
    pub(crate) note: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) network: &'a Network,
    pub(crate) bridge: Option<u32>,
}

/// Makes the interfaces of a container. Runs on a thread inside `namespace`; `host` speaks to the namespace outside.
pub(crate) fn plug(host: &mut Netlink, inside: &mut Netlink, namespace: BorrowedFd<'_>, plugs: &[Plug<'_>]) -> Result<()> {
    for plug in plugs {
        let endpoint = plug.endpoint;
        let mac = parse_mac(&endpoint.mac).unwrap_or([2, 0x42, 0, 0, 0, 1]);
        match plug.bridge {
            Some(bridge) => pair(host, namespace, plug, mac, bridge)?,
            None => shared(host, namespace, plug, mac)?,
        }
        let missing = || Error::from(stead_sys::Error::new("find", &endpoint.interface, std::io::Error::from_raw_os_error(ENODEV)));
        let link = inside.link(&endpoint.interface)?.ok_or_else(missing)?;
        if endpoint.ipv6.is_none() {
            set(&format!("net/ipv6/conf/{}/disable_ipv6", endpoint.interface), "1");
        }
        for (address, prefix) in endpoint.addresses() {
            inside.add_address(link.index, address, prefix)?;
        }
        inside.up(link.index)?;
    }
    Ok(())
}

/// A pair: one end in the bridge, the other in the container.
fn pair(host: &mut Netlink, namespace: BorrowedFd<'_>, plug: &Plug<'_>, mac: [u8; 6], bridge: u32) -> Result<()> {
    let outside = plug.endpoint.outside.as_deref().unwrap_or_default();
    let kind = Kind::Veth { namespace, name: &plug.endpoint.interface, mac };
    let mtu = plug.network.mtu();
    let new = NewLink { name: outside, kind, mac: None, mtu, master: Some(bridge), namespace: None, up: true };
    let made = host.create(&new);
    made.map_err(|source| Error::Kernel { what: format!("cannot plug the container into network {}", plug.network.name), source })?;
    if !plug.network.option(OPTION_ICC, true)
        && let Some(port) = host.link(outside)?
    {
        host.isolate(port.index)?;
    }
    Ok(())
}

/// macvlan and ipvlan: an interface of the container on top of one of the host's.
fn shared(host: &mut Netlink, namespace: BorrowedFd<'_>, plug: &Plug<'_>, mac: [u8; 6]) -> Result<()> {
    let network = plug.network;
    let parent = parent(host, network, plug.note)?;
    let driver = network.driver.as_str();
    let (kind, mac) = if driver == "macvlan" {
        (Kind::Macvlan { parent, mode: mode(network, "macvlan_mode", &MACVLAN_MODES)? }, Some(mac))
    } else {
        (Kind::Ipvlan { parent, mode: mode(network, "ipvlan_mode", &IPVLAN_MODES)? }, None)
    };
    let interface = &plug.endpoint.interface;
    let new = NewLink { name: interface, kind, mac, mtu: network.mtu(), master: None, namespace: Some(namespace), up: false };
    let made = host.create(&new);
    made.map_err(|source| Error::Kernel {
        what: format!("this kernel cannot make an interface of driver {driver} for network {}", network.name),
        source,
    })
}

/// The interface of the host under a network: the one that was named, else one that leads nowhere, as in Docker.
fn parent(host: &mut Netlink, network: &Network, note: &str) -> Result<u32> {
    let links = host.links()?;
    let named = network.options.get("parent").filter(|name| !name.is_empty());
    let name = named.cloned().unwrap_or_else(|| dummy(network));
    if let Some(link) = links.iter().find(|link| link.name == name) {
        return Ok(link.index);
    }
    if named.is_some() {
        return Err(Error::refused(Broad::Invalid, format!("-o parent interface was not found on the host: {name}")));
    }
    let new = NewLink { name: &name, kind: Kind::Dummy, mac: None, mtu: None, master: None, namespace: None, up: true };
    let made = host.create(&new);
    made.map_err(|source| Error::Kernel { what: format!("this kernel cannot make the interface under network {}", network.name), source })?;
    let index = host.link(&name)?.map_or(0, |link| link.index);
    host.note(index, note)?;
    Ok(index)
}

/// Whether a network's interface has a name of our making.
fn is_generated(name: &str, network: &Network) -> bool {
    name == network.generated() || name == dummy(network)
}

/// Whether an interface is a network's and was made by this engine: it bears its note, or a crash came between its making and the note.
pub(crate) fn is_ours(link: &Link, network: &Network, note: &str) -> bool {
    let made = (link.kind == "bridge" && link.name == network.interface()) || (link.kind == "dummy" && link.name == dummy(network));
    made && (link.alias == note || (link.alias.is_empty() && is_generated(&link.name, network)))
}

/// Whether an interface that is no network's was made by this engine all the same. One without a note counts only while nothing is plugged
/// into it and when it still has none after a moment: another engine notes its own right after making them.
pub(crate) fn is_orphan(link: &Link, note: &str) -> bool {
    if !matches!(link.kind.as_str(), "bridge" | "dummy") {
        return false;
    }
    let digits = link.name.strip_prefix("st-").or_else(|| link.name.strip_prefix("dm-"));
    let generated = digits.is_some_and(|id| id.len() == 12 && stead_base::ids::is_lower_hex(id));
    link.alias == note || (link.alias.is_empty() && generated && stays_unnoted(&link.name))
}

fn stays_unnoted(name: &str) -> bool {
    std::thread::sleep(std::time::Duration::from_millis(200));
    let Ok(links) = Netlink::open().and_then(|mut host| host.links()) else { return false };
    let Some(link) = links.iter().find(|link| link.name == name) else { return false };
    link.alias.is_empty() && !links.iter().any(|port| port.master == Some(link.index))
}

/// The name of a network's interface that leads nowhere.
pub(crate) fn dummy(network: &Network) -> String {
    format!("dm-{}", stead_base::ids::short(&network.id))
}

fn mode<T: Copy>(network: &Network, option: &str, modes: &[(&str, T)]) -> Result<T> {
    let asked = network.options.get(option).filter(|mode| !mode.is_empty());
    let found = asked.map_or(modes.first(), |asked| modes.iter().find(|(name, _)| name == asked));
    found.map(|(_, mode)| *mode).ok_or_else(|| Error::invalid(format!("unknown {option} {}", asked.map_or("", String::as_str))))
}

/// The interface of a container on top of one of the host's: by its name or, where the container has renamed it, by its hardware address.
pub(crate) fn inner(inside: &mut Netlink, endpoint: &Endpoint) -> Result<Option<Link>> {
    let mut links = inside.links()?;
    links.retain(|link| matches!(link.kind.as_str(), "macvlan" | "ipvlan"));
    let mac = parse_mac(&endpoint.mac);
    let by_mac = links.iter().position(|link| link.kind == "macvlan" && link.mac.is_some() && link.mac == mac);
    let at = by_mac.or_else(|| links.iter().position(|link| link.name == endpoint.interface));
    Ok(at.map(|at| links.swap_remove(at)))
}

/// Points the default routes at the endpoint that leads out, or away where none does.
pub(crate) fn route(inside: &mut Netlink, sandbox: &Sandbox) -> Result<()> {
    for v4 in [true, false] {
        let leads: Option<(&Endpoint, IpAddr)> = sandbox.gateway(v4).and_then(|e| Some((e, if v4 { e.gateway4 } else { e.gateway6 }?)));
        match leads {
            Some((endpoint, gateway)) => {
                if let Some(link) = inside.link(&endpoint.interface)? {
                    // What cannot be a gateway here (an IPv6 address where IPv6 is off) leaves the rest working.
                    inside.set_default_route(link.index, !v4, Some(gateway))?;
                }
            }
            None => inside.remove_default_route(!v4)?,
        }
    }
    Ok(())
}
