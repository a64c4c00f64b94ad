//! A container's networks and ports as `inspect` and `ps` show them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use stead_base::filter::Filters;
use stead_network::{Endpoint, EndpointSettings, Published, Sandbox, settings};

use super::record::Container;
use super::state::Now;
use crate::Engine;

impl Engine {
    /// What a container that lives has on the network.
    pub(crate) fn sandbox(&self, container: &Container, now: &Now) -> Option<Sandbox> {
        now.is_alive().then(|| stead_network::sandbox::read(&self.run_root, &container.id)).flatten()
    }

    /// `NetworkSettings` of `inspect`.
    pub(super) fn network_settings(&self, container: &Container, now: &Now) -> Value {
        let sandbox = self.sandbox(container, now);
        let key = if now.is_running() { format!("/proc/{}/ns/net", now.pid()) } else { String::new() };
        let id = if now.is_running() { container.id.clone() } else { String::new() };
        let first = sandbox.as_ref().and_then(|s| s.endpoints.iter().find(|e| e.network_name == stead_network::BRIDGE));
        let main = view(first, &EndpointSettings::default());
        let ports = if now.is_running() { port_map(container, sandbox.as_ref()) } else { Map::new() };
        json!({
            "Bridge": "", "SandboxID": id, "SandboxKey": key, "Ports": ports, "HairpinMode": false, "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0, "SecondaryIPAddresses": null, "SecondaryIPv6Addresses": null, "EndpointID": main["EndpointID"],
            "Gateway": main["Gateway"], "GlobalIPv6Address": main["GlobalIPv6Address"], "GlobalIPv6PrefixLen": main["GlobalIPv6PrefixLen"],
            "IPAddress": main["IPAddress"], "IPPrefixLen": main["IPPrefixLen"], "IPv6Gateway": main["IPv6Gateway"],
            "MacAddress": main["MacAddress"],
            "Networks": self.endpoints(container, sandbox.as_ref()),
        })
    }

    /// The filter `network` of `ps`.
    pub(super) fn passes_network(&self, filters: &Filters, container: &Container) -> bool {
        let ids = || container.networks().iter().filter_map(|name| self.networks.resolve(name).ok()).map(|n| n.id).collect::<Vec<_>>();
        filters.any("network", |wanted| {
            container.networks().iter().any(|name| name == wanted) || self.networks.resolve(wanted).is_ok_and(|n| ids().contains(&n.id))
        })
    }

    /// The networks of a container by name: what was asked, and what is true while it lives.
    pub(super) fn endpoints(&self, container: &Container, sandbox: Option<&Sandbox>) -> Map<String, Value> {
        let mut shown = Map::new();
        let asked = &container.networking.endpoints_config;
        for name in &container.networks() {
            let network = self.networks.resolve(name).ok();
            let settings = asked.get(name).and_then(|value| EndpointSettings::read(value).ok()).unwrap_or_default();
            let endpoint = sandbox.and_then(|s| s.endpoints.iter().find(|e| Some(&e.network) == network.as_ref().map(|n| &n.id)));
            let mut value = view(endpoint, &settings);
            if let Some(network) = &network {
                value["NetworkID"] = json!(network.id);
            }
            shown.insert(network.map_or_else(|| name.clone(), |n| n.name), value);
        }
        shown
    }
}

/// What `NetworkMode` shows.
pub(super) fn network_mode(container: &Container) -> String {
    match container.host.network_mode.as_str() {
        "" | "default" => stead_network::BRIDGE.to_owned(),
        other => other.to_owned(),
    }
}

/// One `EndpointSettings`.
fn view(endpoint: Option<&Endpoint>, settings: &EndpointSettings) -> Value {
    let text = |address: Option<IpAddr>| address.map(|a| a.to_string()).unwrap_or_default();
    let (v4, v6) = (endpoint.and_then(|e| e.ipv4), endpoint.and_then(|e| e.ipv6));
    let names = endpoint.map(|e| &e.names).filter(|names| !names.is_empty());
    json!({
        "IPAMConfig": settings.ipam, "Links": settings.links, "Aliases": settings.aliases,
        "MacAddress": endpoint.map_or(settings.mac_address.as_str(), |e| &e.mac), "DriverOpts": settings.driver_opts,
        "GwPriority": settings.gw_priority,
        "NetworkID": endpoint.map_or("", |e| &e.network), "EndpointID": endpoint.map_or("", |e| &e.id),
        "Gateway": text(endpoint.and_then(|e| e.gateway4)), "IPAddress": text(v4.map(|(a, _)| a)), "IPPrefixLen": v4.map_or(0, |(_, p)| p),
        "IPv6Gateway": text(endpoint.and_then(|e| e.gateway6)), "GlobalIPv6Address": text(v6.map(|(a, _)| a)),
        "GlobalIPv6PrefixLen": v6.map_or(0, |(_, p)| p), "DNSNames": names,
    })
}

/// `Ports` of `inspect`, and of `port`: what is exposed, and where it is published.
pub(crate) fn port_map(container: &Container, sandbox: Option<&Sandbox>) -> Map<String, Value> {
    let mut ports: BTreeMap<(u16, String), Option<Vec<Value>>> = BTreeMap::new();
    for key in container.config.exposed_ports.keys() {
        if let Some((port, protocol)) = settings::parse_port(key) {
            ports.insert((port, protocol.to_string()), None);
        }
    }
    for published in sandbox.iter().flat_map(|s| &s.ports) {
        let key = (published.container_port, published.protocol.to_string());
        let binding = json!({ "HostIp": published.host_ip.to_string(), "HostPort": published.host_port.to_string() });
        ports.entry(key).or_default().get_or_insert_default().push(binding);
    }
    ports.into_iter().map(|((port, protocol), bindings)| (format!("{port}/{protocol}"), json!(bindings))).collect()
}

/// `Ports` of `ps`.
pub(super) fn port_list(container: &Container, sandbox: Option<&Sandbox>) -> Vec<Value> {
    let published: Vec<&Published> = sandbox.iter().flat_map(|s| &s.ports).collect();
    let mut list = Vec::new();
    for key in container.config.exposed_ports.keys() {
        if let Some((port, protocol)) = settings::parse_port(key)
            && !published.iter().any(|p| p.container_port == port && p.protocol == protocol)
        {
            list.push((port, json!({ "PrivatePort": port, "Type": protocol.to_string() })));
        }
    }
    for p in published {
        let line = json!({ "IP": p.host_ip.to_string(), "PrivatePort": p.container_port, "PublicPort": p.host_port, "Type": p.protocol.to_string() });
        list.push((p.container_port, line));
    }
    list.sort_by_key(|(port, _)| *port);
    list.into_iter().map(|(_, line)| line).collect()
}
