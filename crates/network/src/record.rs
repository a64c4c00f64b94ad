//! What is known of a network: the value that is kept, and what was asked to make it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use stead_base::time::Time;
use stead_store::Record;

use crate::subnet::Subnet;

/// The kind under which networks are recorded.
pub const KIND: &str = "network";
/// The network of containers that ask for none.
pub const BRIDGE: &str = "bridge";
/// The host's own network.
pub const HOST: &str = "host";
/// No network.
pub const NONE: &str = "none";
/// The networks that are always there.
pub const PREDEFINED: [&str; 3] = [BRIDGE, HOST, NONE];

/// Option of a bridge: its interface's name.
pub(crate) const OPTION_NAME: &str = "com.docker.network.bridge.name";
/// Option of a bridge: whether its containers may talk to each other.
pub const OPTION_ICC: &str = "com.docker.network.bridge.enable_icc";
/// Option of a bridge: whether what leaves it carries the host's address.
pub(crate) const OPTION_MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
/// Option of a bridge: where ports are published that say nothing of it.
pub(crate) const OPTION_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
/// Option of every driver: largest packet.
pub const OPTION_MTU: &str = "com.docker.network.driver.mtu";

/// One block of addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The block.
    pub subnet: Subnet,
    /// The address of the bridge in it.
    pub gateway: IpAddr,
    /// The part of it that containers get addresses from.
    #[serde(default)]
    pub range: Option<Subnet>,
    /// Addresses that no container gets.
    #[serde(default)]
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// Whether somebody asked for this very block.
    #[serde(default)]
    pub asked: bool,
}

/// One network, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's words, each of its own")]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unique.
    pub name: String,
    /// When it was made.
    pub created: Time,
    /// `bridge`, `macvlan`, `ipvlan`, `host` or `null`.
    pub driver: String,
    /// Whether nothing leads out of it.
    #[serde(default)]
    pub internal: bool,
    /// Kept for inspect.
    #[serde(default)]
    pub attachable: bool,
    /// Whether containers get IPv4 addresses.
    pub ipv4: bool,
    /// Whether containers get IPv6 addresses.
    #[serde(default)]
    pub ipv6: bool,
    /// Its addresses, IPv4's first.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// Kept for inspect.
    #[serde(default)]
    pub ipam_options: BTreeMap<String, String>,
    /// The driver's options.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl Record for Network {
    const KIND: &'static str = KIND;
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Network {
    /// Whether it is one of those that are always there.
    #[must_use]
    pub fn is_predefined(&self) -> bool {
        PREDEFINED.contains(&self.name.as_str())
    }

    /// Whether its containers are plugged into a bridge of this host.
    #[must_use]
    pub fn is_bridge(&self) -> bool {
        self.driver == "bridge"
    }

    /// Whether its containers find each other by name, which they do on bridges that somebody made.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.is_bridge() && !self.is_predefined()
    }

    /// The name of its bridge's interface: of the network's id, so that engines side by side never meet.
    #[must_use]
    pub fn interface(&self) -> String {
        let own = self.options.get(OPTION_NAME).filter(|name| !name.is_empty());
        own.cloned().unwrap_or_else(|| self.generated())
    }

    /// The name of its bridge where nobody chose one.
    pub(crate) fn generated(&self) -> String {
        format!("st-{}", stead_base::ids::short(&self.id))
    }

    /// Its block of this family.
    #[must_use]
    pub fn pool(&self, v4: bool) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.subnet.is_ipv4() == v4)
    }

    /// A yes/no option.
    #[must_use]
    pub fn option(&self, name: &str, default: bool) -> bool {
        self.options.get(name).map_or(default, |value| !matches!(value.as_str(), "false" | "0" | "f" | "F" | "False" | "FALSE"))
    }

    /// Largest packet, where it is not the kernel's choice.
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        self.options.get(OPTION_MTU).and_then(|text| text.parse().ok()).filter(|mtu| *mtu > 0)
    }
}

/// Docker's clients send `null` for empty lists and maps.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// One block of addresses, as asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamConfig {
    /// The block.
    #[serde(rename = "Subnet", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub subnet: String,
    /// The part for containers.
    #[serde(rename = "IPRange", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub ip_range: String,
    /// The bridge's address.
    #[serde(rename = "Gateway", deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Addresses that no container gets.
    #[serde(rename = "AuxiliaryAddresses", deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary: BTreeMap<String, String>,
}

/// Where addresses come from, as asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipam {
    /// `default` or empty; `null` for none.
    #[serde(deserialize_with = "null_is_default")]
    pub driver: String,
    /// Kept for inspect.
    #[serde(deserialize_with = "null_is_default")]
    pub options: BTreeMap<String, String>,
    /// Blocks.
    #[serde(deserialize_with = "null_is_default")]
    pub config: Vec<IpamConfig>,
}

/// A network that is to be made, in the JSON of Docker's `POST /networks/create`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's wire format")]
pub struct CreateRequest {
    /// Its name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Its driver; empty is `bridge`.
    #[serde(deserialize_with = "null_is_default")]
    pub driver: String,
    /// `local`, `swarm` or empty.
    #[serde(deserialize_with = "null_is_default")]
    pub scope: String,
    /// Nothing leads out of it.
    #[serde(deserialize_with = "null_is_default")]
    pub internal: bool,
    /// Kept for inspect.
    #[serde(deserialize_with = "null_is_default")]
    pub attachable: bool,
    /// Needs swarm.
    #[serde(deserialize_with = "null_is_default")]
    pub ingress: bool,
    /// Needs swarm.
    #[serde(deserialize_with = "null_is_default")]
    pub config_only: bool,
    /// Addresses.
    #[serde(rename = "IPAM", deserialize_with = "null_is_default")]
    pub ipam: Ipam,
    /// Whether containers get IPv4 addresses; yes when absent.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// Whether containers get IPv6 addresses; no when absent.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: Option<bool>,
    /// The driver's options.
    #[serde(deserialize_with = "null_is_default")]
    pub options: BTreeMap<String, String>,
    /// Labels.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
}

impl CreateRequest {
    /// Whether only a swarm could have such a network.
    #[must_use]
    pub fn needs_swarm(&self) -> bool {
        self.ingress || self.config_only || matches!(self.scope.as_str(), "swarm" | "global") || self.driver == "overlay"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_whatever_clients_leave_out() {
        let text = r#"{"Name":"n","CheckDuplicate":true,"IPAM":{"Driver":"default","Config":[{"Subnet":"10.1.0.0/16","AuxiliaryAddresses":null}]},"Options":null,"Labels":{"a":"b"}}"#;
        let request: CreateRequest = serde_json::from_str(text).unwrap();
        assert_eq!((request.name.as_str(), request.ipam.config[0].subnet.as_str()), ("n", "10.1.0.0/16"));
        assert_eq!(request.enable_ipv6, None);
    }
}
