//! What a container asks of one network, and which of its ports it wants published: Docker's words, read and checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::record::null_is_default;

/// Addresses asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointIpam {
    /// `--ip`.
    #[serde(rename = "IPv4Address", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub ipv4: String,
    /// `--ip6`.
    #[serde(rename = "IPv6Address", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub ipv6: String,
    /// `--link-local-ip`.
    #[serde(rename = "LinkLocalIPs", deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub link_local: Vec<String>,
}

/// What a container asks of one network, in the JSON of Docker's `EndpointSettings`. What the engine answers in it is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointSettings {
    /// Addresses.
    #[serde(rename = "IPAMConfig")]
    pub ipam: Option<EndpointIpam>,
    /// `CONTAINER[:ALIAS]`.
    pub links: Option<Vec<String>>,
    /// Further names.
    pub aliases: Option<Vec<String>>,
    /// Hardware address.
    #[serde(deserialize_with = "null_is_default")]
    pub mac_address: String,
    /// Options of the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// The network with the highest gives the default route.
    #[serde(deserialize_with = "null_is_default")]
    pub gw_priority: i64,
}

impl EndpointSettings {
    /// Reads what a client sent.
    ///
    /// # Errors
    /// A field of a wrong type.
    pub fn read(value: &serde_json::Value) -> Result<Self> {
        if value.is_null() {
            return Ok(Self::default());
        }
        serde_json::from_value(value.clone()).map_err(|error| Error::invalid(format!("invalid endpoint settings: {error}")))
    }

    /// Checks what does not depend on the network.
    ///
    /// # Errors
    /// An address or a hardware address that is none.
    pub fn check(&self) -> Result<()> {
        let ipam = self.ipam.clone().unwrap_or_default();
        for (text, v4) in [(&ipam.ipv4, true), (&ipam.ipv6, false)] {
            let family = if v4 { "IPv4" } else { "IPv6" };
            if !text.is_empty() && !text.parse::<IpAddr>().is_ok_and(|a| a.is_ipv4() == v4) {
                return Err(Error::invalid(format!("invalid endpoint settings:\ninvalid {family} address: {text}")));
            }
        }
        if !ipam.link_local.is_empty() {
            return Err(Error::refused(stead_base::Kind::Unsupported, "link-local addresses (--link-local-ip) are not supported"));
        }
        self.mac().map(drop)
    }

    /// The hardware address asked for.
    ///
    /// # Errors
    /// It is none.
    pub fn mac(&self) -> Result<Option<[u8; 6]>> {
        if self.mac_address.is_empty() {
            return Ok(None);
        }
        parse_mac(&self.mac_address).map(Some).ok_or_else(|| Error::invalid(format!("invalid MAC address: {}", self.mac_address)))
    }

    /// The address asked for.
    #[must_use]
    pub fn address(&self, v4: bool) -> Option<IpAddr> {
        let ipam = self.ipam.as_ref()?;
        if v4 { &ipam.ipv4 } else { &ipam.ipv6 }.parse().ok()
    }
}

/// Reads `92:d0:c6:0a:29:33`.
#[must_use]
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|p| p.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    // The lowest bit of the first byte means a group, and nothing is nobody.
    (parts.next().is_none() && mac != [0; 6] && mac[0] & 1 == 0).then_some(mac)
}

/// Writes it.
#[must_use]
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// What runs on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Reads `80/tcp`.
#[must_use]
pub fn parse_port(text: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some((port, protocol))
}

/// One port that shall be reached through the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortWish {
    /// In the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Of the host; all of them when `None`.
    pub host_ip: Option<IpAddr>,
    /// On the host; any free one when `None`.
    pub host_ports: Option<RangeInclusive<u16>>,
}

/// One binding as clients send it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    /// Address of the host.
    #[serde(deserialize_with = "null_is_default")]
    pub host_ip: String,
    /// Port or range of the host.
    #[serde(deserialize_with = "null_is_default")]
    pub host_port: String,
}

/// Reads `HostConfig.PortBindings`.
///
/// # Errors
/// A port, an address or a range that is none.
pub fn port_wishes(bindings: &serde_json::Value) -> Result<Vec<PortWish>> {
    type Map = BTreeMap<String, Option<Vec<PortBinding>>>;
    let map: Option<Map> =
        serde_json::from_value(bindings.clone()).map_err(|error| Error::invalid(format!("invalid port bindings: {error}")))?;
    let mut wishes = Vec::new();
    for (key, list) in map.unwrap_or_default() {
        let (container_port, protocol) = parse_port(&key).ok_or_else(|| Error::invalid(format!("invalid port specification: {key:?}")))?;
        let mut list = list.unwrap_or_default();
        if list.is_empty() {
            list.push(PortBinding::default());
        }
        for binding in list {
            let host_ip = match binding.host_ip.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_syntax| Error::invalid(format!("invalid IP address: {text}")))?),
            };
            let host_ports = host_range(&binding.host_port)?;
            wishes.push(PortWish { container_port, protocol, host_ip, host_ports });
        }
    }
    Ok(wishes)
}

fn host_range(text: &str) -> Result<Option<RangeInclusive<u16>>> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let bad = || Error::invalid(format!("invalid port specification: {text:?}"));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |t: &str| t.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad);
    let (first, last) = (number(first)?, number(last)?);
    if last < first { Err(bad()) } else { Ok(Some(first..=last)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_read() {
        assert_eq!(mac_text(parse_mac("92:d0:c6:0a:29:33").unwrap()), "92:d0:c6:0a:29:33");
        for bad in ["", "92:d0:c6:0a:29", "92:d0:c6:0a:29:33:1", "01:00:00:00:00:01", "00:00:00:00:00:00", "zz:d0:c6:0a:29:33"] {
            assert_eq!(parse_mac(bad), None, "{bad}");
        }
    }

    #[test]
    fn bindings_are_read() {
        let text = r#"{"80/tcp":[{"HostPort":"8000-8010"},{"HostIp":"127.0.0.1","HostPort":""}],"53/udp":null}"#;
        let wishes = port_wishes(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(wishes.len(), 3);
        assert_eq!((wishes[0].protocol, wishes[0].host_ports.clone()), (Protocol::Udp, None));
        assert_eq!(wishes[1].host_ports, Some(8000..=8010));
        assert_eq!(wishes[2].host_ip, Some("127.0.0.1".parse().unwrap()));
        for bad in [r#"{"80/x":[]}"#, r#"{"0/tcp":[]}"#, r#"{"80/tcp":[{"HostPort":"9-8"}]}"#, r#"{"80/tcp":[{"HostIp":"x"}]}"#, "[1]"] {
            assert!(port_wishes(&serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_read_and_checked() {
        let read = |text: &str| EndpointSettings::read(&serde_json::from_str(text).unwrap());
        let settings =
            read(r#"{"IPAMConfig":{"IPv4Address":"10.0.0.9"},"Aliases":["a"],"MacAddress":null,"NetworkID":"x","DNSNames":null}"#).unwrap();
        assert_eq!(settings.address(true), Some("10.0.0.9".parse().unwrap()));
        assert!(settings.check().is_ok());
        assert!(read(r#"{"IPAMConfig":{"IPv4Address":"fd00::1"}}"#).unwrap().check().is_err());
        assert!(read(r#"{"MacAddress":"x"}"#).unwrap().check().is_err());
        assert!(read(r#"{"IPAMConfig":{"LinkLocalIPs":["169.254.1.1"]}}"#).unwrap().check().is_err());
        assert_eq!(read("null").unwrap(), EndpointSettings::default());
    }
}
