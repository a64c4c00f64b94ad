//! A network as Docker's API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use stead_network::{Ipam, IpamConfig, Network, Sandbox};

/// Docker's `Network`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "Docker's wire format")]
pub struct NetworkView {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// RFC 3339.
    pub created: String,
    /// `local`.
    pub scope: String,
    /// Driver.
    pub driver: String,
    /// Whether containers get IPv4 addresses.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: bool,
    /// Whether containers get IPv6 addresses.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Addresses.
    #[serde(rename = "IPAM")]
    pub ipam: Value,
    /// Nothing leads out of it.
    pub internal: bool,
    /// As asked.
    pub attachable: bool,
    /// Needs swarm.
    pub ingress: bool,
    /// Needs swarm.
    pub config_from: Value,
    /// Needs swarm.
    pub config_only: bool,
    /// Running containers in it by id; only of one network, not of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<BTreeMap<String, Value>>,
    /// Options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What is shown of a network; with `sandboxes`, who is in it.
pub(crate) fn view(network: &Network, sandboxes: Option<&[Sandbox]>) -> NetworkView {
    let config: Vec<IpamConfig> = network
        .pools
        .iter()
        .map(|pool| IpamConfig {
            subnet: pool.subnet.to_string(),
            ip_range: pool.range.map(|range| range.to_string()).unwrap_or_default(),
            gateway: pool.gateway.to_string(),
            auxiliary: pool.auxiliary.iter().map(|(name, address)| (name.clone(), address.to_string())).collect(),
        })
        .collect();
    let ipam = Ipam { driver: "default".to_owned(), options: network.ipam_options.clone(), config };
    let mut ipam = json!(ipam);
    if network.ipam_options.is_empty() {
        ipam["Options"] = Value::Null;
    }
    NetworkView {
        name: network.name.clone(),
        id: network.id.clone(),
        created: network.created.rfc3339_nano(),
        scope: "local".to_owned(),
        driver: network.driver.clone(),
        enable_ipv4: network.ipv4 || !network.is_bridge(),
        enable_ipv6: network.ipv6,
        ipam,
        internal: network.internal,
        attachable: network.attachable,
        ingress: false,
        config_from: json!({ "Network": "" }),
        config_only: false,
        containers: sandboxes.map(|all| members(network, all)),
        options: options(network),
        labels: network.labels.clone(),
    }
}

/// As asked; of the default bridge, what Docker's has and scripts look for.
fn options(network: &Network) -> BTreeMap<String, String> {
    let mut options = network.options.clone();
    if network.name == stead_network::BRIDGE {
        let own = [
            ("com.docker.network.bridge.default_bridge", "true".to_owned()),
            ("com.docker.network.bridge.enable_icc", "true".to_owned()),
            ("com.docker.network.bridge.enable_ip_masquerade", "true".to_owned()),
            ("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0".to_owned()),
            ("com.docker.network.bridge.name", network.interface()),
            ("com.docker.network.driver.mtu", "1500".to_owned()),
        ];
        options.extend(own.map(|(key, value)| (key.to_owned(), value)));
    }
    options
}

fn members(network: &Network, sandboxes: &[Sandbox]) -> BTreeMap<String, Value> {
    let cidr = |address: Option<(std::net::IpAddr, u8)>| address.map(|(a, prefix)| format!("{a}/{prefix}")).unwrap_or_default();
    let mut found = BTreeMap::new();
    for sandbox in sandboxes {
        if let Some(endpoint) = sandbox.endpoints.iter().find(|e| e.network == network.id) {
            let member = json!({
                "Name": sandbox.name, "EndpointID": endpoint.id, "MacAddress": endpoint.mac,
                "IPv4Address": cidr(endpoint.ipv4), "IPv6Address": cidr(endpoint.ipv6),
            });
            found.insert(sandbox.container.clone(), member);
        }
    }
    found
}
