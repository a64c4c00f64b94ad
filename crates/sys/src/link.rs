//! Network interfaces, their addresses and routes.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::Result;
use crate::netlink::{CREATE, EXCL, Message, Netlink, REPLACE, attributes, number};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const IFLA_PROTINFO: u16 = 12;
const NLA_F_NESTED: u16 = 0x8000;
const AF_BRIDGE: u8 = 7;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
/// No duplicate address detection: the address is ours to give, and waiting for it takes seconds.
const IFA_F_NODAD: u8 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const IFF_UP: u32 = 1;

/// Longest name of an interface, without its zero byte.
pub const NAME_MAX: usize = 15;
/// Hardware address of an interface.
pub type Mac = [u8; 6];

/// What an interface is.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// A switch.
    Bridge,
    /// One end of a pair; the other end appears in `namespace`.
    Veth {
        /// Where the other end appears.
        namespace: BorrowedFd<'a>,
        /// Its name there.
        name: &'a str,
        /// Its hardware address.
        mac: Mac,
    },
    /// A hardware address of its own on another interface.
    Macvlan {
        /// That interface.
        parent: u32,
        /// `MACVLAN_MODE_*`: 1 private, 2 vepa, 4 bridge, 8 passthru.
        mode: u32,
    },
    /// The hardware address of another interface.
    Ipvlan {
        /// That interface.
        parent: u32,
        /// `IPVLAN_MODE_*`: 0 l2, 1 l3, 2 l3s.
        mode: u16,
    },
    /// One that leads nowhere.
    Dummy,
}

/// A new interface.
#[derive(Debug, Clone, Copy)]
pub struct NewLink<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
    /// Its hardware address; the kernel's choice when `None`.
    pub mac: Option<Mac>,
    /// Largest packet; both ends of a pair get it.
    pub mtu: Option<u32>,
    /// The bridge it is plugged into.
    pub master: Option<u32>,
    /// The namespace it appears in (not for pairs and bridges).
    pub namespace: Option<BorrowedFd<'a>>,
    /// Whether it is up at once.
    pub up: bool,
}

/// An interface that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The note that somebody left on it; empty for none.
    pub alias: String,
    /// The bridge it is plugged into.
    pub master: Option<u32>,
    /// What it is (`bridge`, `veth`); empty for hardware.
    pub kind: String,
    /// Largest packet.
    pub mtu: u32,
    /// Hardware address, where it has one of six bytes.
    pub mac: Option<Mac>,
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where to; `None` is everywhere.
    pub to: Option<(IpAddr, u8)>,
    /// Through which interface.
    pub index: u32,
}

/// `struct ifinfomsg`.
fn ifinfo(family: u8, index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = family;
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&change.to_ne_bytes());
    bytes
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned()
}

impl Netlink {
    /// Makes an interface.
    pub fn create(&mut self, link: &NewLink<'_>) -> Result<()> {
        let flags = if link.up { IFF_UP } else { 0 };
        let mtu = link.mtu.map(u32::to_ne_bytes);
        let master = link.master.map(u32::to_ne_bytes);
        let namespace = link.namespace.map(|fd| fd.as_raw_fd().to_ne_bytes());
        let (kind, parent) = match link.kind {
            Kind::Bridge => ("bridge", None),
            Kind::Veth { .. } => ("veth", None),
            Kind::Macvlan { parent, .. } => ("macvlan", Some(parent)),
            Kind::Ipvlan { parent, .. } => ("ipvlan", Some(parent)),
            Kind::Dummy => ("dummy", None),
        };
        let message = Message::new(RTM_NEWLINK, CREATE | EXCL, &ifinfo(0, 0, flags, flags))
            .put_name(IFLA_IFNAME, link.name)
            .put_some(IFLA_ADDRESS, link.mac.as_ref().map(<[u8; 6]>::as_slice))
            .put_some(IFLA_MTU, mtu.as_ref().map(<[u8; 4]>::as_slice))
            .put_some(IFLA_LINK, parent.map(u32::to_ne_bytes).as_ref().map(<[u8; 4]>::as_slice))
            .put_some(IFLA_MASTER, master.as_ref().map(<[u8; 4]>::as_slice))
            .put_some(IFLA_NET_NS_FD, namespace.as_ref().map(<[u8; 4]>::as_slice))
            .nest(IFLA_LINKINFO, |info| {
                let info = info.put_name(IFLA_INFO_KIND, kind);
                match link.kind {
                    Kind::Bridge | Kind::Dummy => info,
                    Kind::Macvlan { mode, .. } => info.nest(IFLA_INFO_DATA, |data| data.put(IFLA_MACVLAN_MODE, &mode.to_ne_bytes())),
                    Kind::Ipvlan { mode, .. } => info.nest(IFLA_INFO_DATA, |data| data.put(IFLA_IPVLAN_MODE, &mode.to_ne_bytes())),
                    Kind::Veth { namespace, name, mac } => info.nest(IFLA_INFO_DATA, |data| {
                        data.nest(VETH_INFO_PEER, |peer| {
                            peer.raw(&ifinfo(0, 0, 0, 0))
                                .put_name(IFLA_IFNAME, name)
                                .put(IFLA_ADDRESS, &mac)
                                .put_some(IFLA_MTU, mtu.as_ref().map(<[u8; 4]>::as_slice))
                                .put(IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes())
                        })
                    }),
                }
            });
        self.ask("create interface", link.name, message)
    }

    /// Leaves a note on an interface.
    pub fn note(&mut self, index: u32, alias: &str) -> Result<()> {
        let message = Message::new(RTM_NEWLINK, 0, &ifinfo(0, index, 0, 0)).put(IFLA_IFALIAS, alias.as_bytes());
        self.ask("note on interface", alias, message)
    }

    /// Keeps a bridge's port from talking to other such ports.
    pub fn isolate(&mut self, index: u32) -> Result<()> {
        let message = Message::new(RTM_NEWLINK, 0, &ifinfo(AF_BRIDGE, index, 0, 0))
            .nest(IFLA_PROTINFO | NLA_F_NESTED, |info| info.put(IFLA_BRPORT_ISOLATED, &[1]));
        self.ask("isolate port", "bridge", message)
    }

    /// Brings an interface up.
    pub fn up(&mut self, index: u32) -> Result<()> {
        let message = Message::new(RTM_NEWLINK, 0, &ifinfo(0, index, IFF_UP, IFF_UP));
        self.ask("bring up interface", &format!("{index}"), message)
    }

    /// Deletes an interface by name.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        let message = Message::new(RTM_DELLINK, 0, &ifinfo(0, 0, 0, 0)).put_name(IFLA_IFNAME, name);
        self.ask("delete interface", name, message)
    }

    /// Gives an interface an address.
    pub fn add_address(&mut self, index: u32, address: IpAddr, prefix: u8) -> Result<()> {
        let mut fixed = [0; 8];
        fixed[0] = family(address);
        fixed[1] = prefix;
        fixed[2] = if address.is_ipv6() { IFA_F_NODAD } else { 0 };
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        let bytes = octets(address);
        let broadcast = match address {
            IpAddr::V4(v4) if prefix < 31 => Some((u32::from(v4) | (u32::MAX >> prefix)).to_be_bytes()),
            _ => None,
        };
        let message = Message::new(RTM_NEWADDR, CREATE | EXCL, &fixed)
            .put(IFA_LOCAL, &bytes)
            .put(IFA_ADDRESS, &bytes)
            .put_some(IFA_BROADCAST, broadcast.as_ref().map(<[u8; 4]>::as_slice));
        self.ask("add address", &format!("{address}/{prefix}"), message)
    }

    /// Sends everything through `gateway`, or out of the interface where there is none. Replaces the route there was.
    pub fn set_default_route(&mut self, index: u32, v6: bool, gateway: Option<IpAddr>) -> Result<()> {
        // RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE (or RT_SCOPE_LINK without a gateway), RTN_UNICAST.
        let scope = if gateway.is_some() || v6 { 0 } else { 253 };
        let fixed = [if v6 { 10 } else { 2 }, 0, 0, 0, 254, 3, scope, 1, 0, 0, 0, 0];
        let bytes = gateway.map(octets);
        let message =
            Message::new(RTM_NEWROUTE, CREATE | REPLACE, &fixed).put_some(RTA_GATEWAY, bytes.as_deref()).put(RTA_OIF, &index.to_ne_bytes());
        self.ask("set default route", &gateway.map(|g| g.to_string()).unwrap_or_default(), message)
    }

    /// Takes the default route away; none is no error.
    pub fn remove_default_route(&mut self, v6: bool) -> Result<()> {
        let fixed = [if v6 { 10 } else { 2 }, 0, 0, 0, 254, 0, 255, 0, 0, 0, 0, 0];
        match self.ask("remove default route", "default", Message::new(RTM_DELROUTE, 0, &fixed)) {
            Err(error) if matches!(error.errno(), Some(libc::ESRCH | libc::ENOENT | libc::EAFNOSUPPORT)) => Ok(()),
            done => done,
        }
    }

    /// All interfaces.
    pub fn links(&mut self) -> Result<Vec<Link>> {
        let rows = self.dump("list interfaces", Message::new(RTM_GETLINK, 0, &ifinfo(0, 0, 0, 0)))?;
        Ok(rows.iter().map(|row| read_link(row)).collect())
    }

    /// The interface of this name.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// All addresses: the interface's number, the address, the length of its prefix.
    pub fn addresses(&mut self) -> Result<Vec<(u32, IpAddr, u8)>> {
        let rows = self.dump("list addresses", Message::new(RTM_GETADDR, 0, &[0; 8]))?;
        let read = |row: &Vec<u8>| {
            let (prefix, index) = (*row.get(1)?, number(row.get(4..8)?));
            let found = attributes(row.get(8..)?);
            let value = |kind| found.iter().find(|(k, _)| *k == kind).and_then(|(_, v)| address_of(v));
            Some((index, value(IFA_LOCAL).or_else(|| value(IFA_ADDRESS))?, prefix))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// The routes of the main table.
    pub fn routes(&mut self) -> Result<Vec<Route>> {
        let rows = self.dump("list routes", Message::new(RTM_GETROUTE, 0, &[0; 12]))?;
        let read = |row: &Vec<u8>| {
            let (prefix, table) = (*row.get(1)?, *row.get(4)?);
            let found = attributes(row.get(12..)?);
            let value = |kind| found.iter().find(|(k, _)| *k == kind).map(|(_, v)| *v);
            let to = value(RTA_DST).and_then(address_of).map(|address| (address, prefix));
            (table == 254).then(|| Route { to, index: value(RTA_OIF).map_or(0, number) })
        };
        Ok(rows.iter().filter_map(read).collect())
    }
}

fn read_link(row: &[u8]) -> Link {
    let mut link = Link {
        index: number(row.get(4..8).unwrap_or_default()),
        name: String::new(),
        alias: String::new(),
        master: None,
        kind: String::new(),
        mtu: 0,
        mac: None,
    };
    for (kind, value) in attributes(row.get(16..).unwrap_or_default()) {
        match kind {
            IFLA_IFNAME => link.name = text(value),
            IFLA_ADDRESS => link.mac = value.try_into().ok(),
            IFLA_IFALIAS => link.alias = text(value),
            IFLA_MASTER => link.master = Some(number(value)),
            IFLA_MTU => link.mtu = number(value),
            IFLA_LINKINFO => {
                let inner = attributes(value);
                link.kind = inner.iter().find(|(k, _)| *k == IFLA_INFO_KIND).map(|(_, v)| text(v)).unwrap_or_default();
            }
            _ => {}
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::namespace;

    #[test]
    fn a_bridge_and_a_pair_lead_from_one_namespace_into_another() {
        let (host, ()) = namespace::new_network(|| ()).unwrap();
        let outcome = namespace::within(host.as_fd(), || {
            let mut here = Netlink::open().unwrap();
            here.create(&NewLink { name: "br", kind: Kind::Bridge, mac: None, mtu: None, master: None, namespace: None, up: true })
                .unwrap();
            let bridge = here.link("br").unwrap().unwrap();
            assert_eq!((bridge.kind.as_str(), bridge.master), ("bridge", None));
            here.note(bridge.index, "ours").unwrap();
            here.add_address(bridge.index, "10.9.0.1".parse().unwrap(), 24).unwrap();
            let (inside, mut there) = namespace::new_network(|| Netlink::open().unwrap()).unwrap();
            let kind = Kind::Veth { namespace: inside.as_fd(), name: "eth0", mac: [2, 66, 10, 9, 0, 2] };
            let pair = NewLink { name: "ve0", kind, mac: None, mtu: Some(1400), master: Some(bridge.index), namespace: None, up: true };
            here.create(&pair).unwrap();
            assert_eq!(here.create(&pair).unwrap_err().errno(), Some(libc::EEXIST));
            let port = here.link("ve0").unwrap().unwrap();
            assert_eq!((port.master, port.mtu), (Some(bridge.index), 1400));
            here.isolate(port.index).unwrap();
            let inner = there.link("eth0").unwrap().unwrap();
            there.add_address(inner.index, "10.9.0.2".parse().unwrap(), 24).unwrap();
            there.up(inner.index).unwrap();
            there.set_default_route(inner.index, false, Some("10.9.0.1".parse().unwrap())).unwrap();
            let routes = there.routes().unwrap();
            assert!(routes.contains(&Route { to: None, index: inner.index }), "{routes:?}");
            there.remove_default_route(false).unwrap();
            there.remove_default_route(false).unwrap();
            assert!(here.routes().unwrap().contains(&Route { to: Some(("10.9.0.0".parse().unwrap(), 24)), index: bridge.index }));
            assert!(here.addresses().unwrap().contains(&(bridge.index, "10.9.0.1".parse().unwrap(), 24)));
            here.delete("ve0").unwrap();
            assert!(there.link("eth0").unwrap().is_none());
            here.links().unwrap().iter().find(|l| l.name == "br").unwrap().alias.clone()
        });
        assert_eq!(outcome.unwrap(), "ours");
    }
}
