//! Which addresses and ports a container gets. What others have is read from their sandboxes, under the lock of the room.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use stead_base::Kind;

use crate::error::{Error, Result};
use crate::record::{Network, OPTION_BINDING};
use crate::sandbox::{Published, Sandbox};
use crate::settings::{EndpointSettings, PortWish, Protocol};
use crate::subnet::Subnet;

/// So many ports one container may publish.
const PORTS_MAX: usize = 4096;
/// The kernel's ephemeral ports, where its own file cannot be read.
const EPHEMERAL: (u16, u16) = (32768, 60999);

/// The address of a container in a network's block of this family; none where it has no such block.
///
/// # Errors
/// The asked address is taken or lies outside; nothing is free.
pub(crate) fn address(network: &Network, settings: &EndpointSettings, v4: bool, others: &[Sandbox]) -> Result<Option<(IpAddr, u8)>> {
    let asked = settings.address(v4);
    let Some(pool) = network.pool(v4) else {
        return match asked {
            Some(address) => Err(outside(address)),
            None => Ok(None),
        };
    };
    let mut taken: BTreeSet<IpAddr> = pool.auxiliary.values().copied().collect();
    taken.insert(pool.gateway);
    let leases = others.iter().flat_map(|s| &s.endpoints).filter(|e| e.network == network.id);
    taken.extend(leases.flat_map(|e| e.addresses().map(|(address, _)| address)));
    let prefix = pool.subnet.prefix();
    if let Some(asked) = asked {
        if !pool.subnet.contains(asked) {
            return Err(outside(asked));
        }
        if !pool.subnet.is_usable(asked) || taken.contains(&asked) {
            return Err(Error::refused(Kind::Conflict, "Address already in use"));
        }
        return Ok(Some((asked, prefix)));
    }
    let range = pool.range.unwrap_or(pool.subnet);
    let tries = u128::try_from(taken.len()).unwrap_or(u128::MAX).saturating_add(3).min(range.last_number());
    let free = (0..=tries).filter_map(|n| range.nth(n)).find(|a| pool.subnet.is_usable(*a) && !taken.contains(a));
    let exhausted = || {
        Error::refused(
            Kind::Conflict,
            format!(
                "no available {} addresses on this network's address pools: {} ({})",
                if v4 { "IPv4" } else { "IPv6" },
                network.name,
                network.id
            ),
        )
    };
    Ok(Some((free.ok_or_else(exhausted)?, prefix)))
}

fn outside(address: IpAddr) -> Error {
    Error::invalid(format!("invalid endpoint settings:\nno configured subnet contains IP address {address}"))
}

/// A hardware address that follows from the IPv4 address, so that neighbours' tables stay right when an address changes hands.
pub(crate) fn mac(settings: &EndpointSettings, address: Option<IpAddr>, id: &str) -> Result<[u8; 6]> {
    if let Some(mac) = settings.mac()? {
        return Ok(mac);
    }
    let tail = match address {
        Some(IpAddr::V4(v4)) => v4.octets(),
        _ => id_bytes(id),
    };
    Ok([2, 0x42, tail[0], tail[1], tail[2], tail[3]])
}

/// Four bytes of an id.
pub(crate) fn id_bytes(id: &str) -> [u8; 4] {
    id.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(1).to_be_bytes()
}

/// The ports of a container: `v4` and `v6` say which families its address has; `lead` is the network that leads out.
///
/// # Errors
/// A port is taken, by a container or by a program of the host.
pub(crate) fn ports(
    wishes: &[PortWish],
    lead: &Network,
    families: (bool, bool),
    name: &str,
    endpoint: &str,
    others: &[Sandbox],
) -> Result<Vec<Published>> {
    let mut given: Vec<Published> = Vec::new();
    if wishes.len() > PORTS_MAX {
        return Err(Error::invalid(format!("a container publishes at most {PORTS_MAX} ports")));
    }
    let default: IpAddr = lead.options.get(OPTION_BINDING).and_then(|a| a.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    // What is fixed goes first, so that a random port cannot take it.
    let mut ordered: Vec<&PortWish> = wishes.iter().collect();
    ordered.sort_by_key(|wish| wish.host_ports.as_ref().map_or(u32::MAX, |range| u32::from(range.end() - range.start())));
    for wish in ordered {
        let mut addresses = vec![wish.host_ip.unwrap_or(default)];
        if wish.host_ip.is_none() && default.is_unspecified() && families.1 {
            addresses.push(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        }
        addresses.retain(|a| if a.is_ipv4() { families.0 } else { families.1 });
        if addresses.is_empty() {
            continue;
        }
        let is_free = |port: u16, given: &[Published]| {
            let clash = |p: &Published| p.protocol == wish.protocol && p.host_port == port && addresses.iter().any(|a| meet(*a, p.host_ip));
            !given.iter().chain(others.iter().flat_map(|s| &s.ports)).any(clash)
        };
        let port = match &wish.host_ports {
            None => random(|port| is_free(port, &given) && addresses.iter().all(|a| bind(wish.protocol, *a, port))),
            Some(range) => range.clone().find(|port| is_free(*port, &given) && addresses.iter().all(|a| bind(wish.protocol, *a, *port))),
        };
        let Some(host_port) = port else { return Err(refuse(wish, &addresses, name, endpoint, |port| is_free(port, &given))) };
        given.extend(addresses.iter().map(|a| Published {
            container_port: wish.container_port,
            protocol: wish.protocol,
            host_ip: *a,
            host_port,
        }));
    }
    given.sort_by_key(|p| (p.container_port, p.protocol, p.host_ip, p.host_port));
    Ok(given)
}

fn refuse(wish: &PortWish, addresses: &[IpAddr], name: &str, endpoint: &str, is_free: impl Fn(u16) -> bool) -> Error {
    let address = addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let shown = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
    let why = match &wish.host_ports {
        None => "all ports are allocated".to_owned(),
        Some(range) if range.start() != range.end() => {
            format!("Bind for {shown}:{}-{} failed: port is already allocated", range.start(), range.end())
        }
        Some(range) if is_free(*range.start()) => {
            format!(
                "failed to bind host port for {shown}:{}:{}/{}: address already in use",
                range.start(),
                wish.container_port,
                wish.protocol
            )
        }
        Some(range) => format!("Bind for {shown}:{} failed: port is already allocated", range.start()),
    };
    Error::refused(Kind::Internal, format!("driver failed programming external connectivity on endpoint {name} ({endpoint}): {why}"))
}

/// Whether two addresses of the host claim the same packets.
fn meet(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

/// Whether no program of the host has the port. Where this host cannot tell (SCTP, an address it does not have yet), it is taken for free.
fn bind(protocol: Protocol, address: IpAddr, port: u16) -> bool {
    let at = SocketAddr::new(address, port);
    let outcome = match protocol {
        Protocol::Tcp => TcpListener::bind(at).map(drop),
        Protocol::Udp => UdpSocket::bind(at).map(drop),
        Protocol::Sctp => return true,
    };
    !matches!(outcome, Err(error) if matches!(error.kind(), std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied))
}

fn random(is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<u16>().ok());
    let (first, last) = match (numbers.next(), numbers.next()) {
        (Some(first), Some(last)) if first < last => (first, last),
        _ => EPHEMERAL,
    };
    let span = u32::from(last - first) + 1;
    let start = u32::from_ne_bytes(stead_sys::durable::random_bytes().ok()?) % span;
    let at = |n: u32| u16::try_from(u32::from(first) + (start + n) % span).ok();
    (0..span).filter_map(at).find(|port| is_free(*port))
}

/// Blocks that this host reaches by itself: addresses and routes of its interfaces, except those of `own`.
pub(crate) fn host_blocks(host: &mut stead_sys::netlink::Netlink, own: &dyn Fn(u32) -> bool) -> Result<Vec<Subnet>> {
    let mut blocks: Vec<Subnet> = Vec::new();
    for route in host.routes()? {
        // A default route leads everywhere; that is no claim.
        if let Some((address, prefix)) = route.to.filter(|(_, prefix)| *prefix > 0)
            && !own(route.index)
        {
            blocks.push(Subnet::around(address, prefix));
        }
    }
    for (index, address, prefix) in host.addresses()? {
        if !own(index) && !address.is_loopback() {
            blocks.push(Subnet::around(address, prefix));
        }
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create;
    use crate::record::{CreateRequest, IpamConfig};
    use crate::sandbox::Endpoint;

    fn network() -> Network {
        let config = IpamConfig { subnet: "10.0.0.0/29".into(), ..IpamConfig::default() };
        let mut request = CreateRequest { name: "n".into(), ..CreateRequest::default() };
        request.ipam.config.push(config);
        let mut network = create::check(&request).unwrap();
        network.id = "n".into();
        network
    }

    fn holder(address: IpAddr) -> Sandbox {
        let endpoint = Endpoint {
            id: String::new(),
            network: "n".into(),
            network_name: "n".into(),
            interface: "eth0".into(),
            outside: None,
            mac: String::new(),
            ipv4: Some((address, 29)),
            ipv6: None,
            gateway4: None,
            gateway6: None,
            names: Vec::new(),
            priority: 0,
        };
        Sandbox { endpoints: vec![endpoint], ..Sandbox::default() }
    }

    #[test]
    fn every_address_is_given_once_and_then_none() {
        let (network, mut others) = (network(), Vec::new());
        let any = EndpointSettings::default();
        for last in 2..=6 {
            let (address, prefix) = address(&network, &any, true, &others).unwrap().unwrap();
            assert_eq!((address.to_string(), prefix), (format!("10.0.0.{last}"), 29));
            others.push(holder(address));
        }
        assert!(address(&network, &any, true, &others).unwrap_err().to_string().contains("no available IPv4 addresses"));
        assert_eq!(address(&network, &any, false, &others).unwrap(), None);
    }

    #[test]
    fn an_asked_address_is_given_or_refused() {
        let ask = |text: &str| {
            let settings = EndpointSettings::read(&serde_json::json!({"IPAMConfig": {"IPv4Address": text}})).unwrap();
            address(&network(), &settings, true, &[holder("10.0.0.3".parse().unwrap())])
        };
        assert_eq!(ask("10.0.0.5").unwrap().unwrap().0.to_string(), "10.0.0.5");
        for taken in ["10.0.0.1", "10.0.0.3", "10.0.0.0", "10.0.0.7"] {
            assert_eq!(ask(taken).unwrap_err().to_string(), "Address already in use", "{taken}");
        }
        assert!(ask("10.0.1.5").unwrap_err().to_string().contains("no configured subnet contains IP address 10.0.1.5"));
    }

    #[test]
    fn ports_are_given_once() {
        let wish = |range| PortWish {
            container_port: 80,
            protocol: Protocol::Tcp,
            host_ip: Some(IpAddr::from([127, 0, 0, 1])),
            host_ports: range,
        };
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy = held.local_addr().unwrap().port();
        let give = |wishes: &[PortWish], others: &[Sandbox]| ports(wishes, &network(), (true, false), "web", "e1", others);
        assert!(give(&[wish(Some(busy..=busy))], &[]).unwrap_err().to_string().ends_with("address already in use"));
        let given = give(&[wish(None), wish(None)], &[]).unwrap();
        assert_ne!(given[0].host_port, given[1].host_port);
        let port = given[0].host_port;
        let other = Sandbox { ports: given, ..Sandbox::default() };
        let refused = give(&[wish(Some(port..=port))], &[other]).unwrap_err().to_string();
        assert!(refused.ends_with(&format!("Bind for 127.0.0.1:{port} failed: port is already allocated")), "{refused}");
    }
}
