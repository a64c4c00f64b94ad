//! A container's network: from what was asked to a namespace that its process is born into, and back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use stead_base::Kind;
use stead_layer::writable;
use stead_network::files::{self, Files, Resolver};
use stead_network::{Attach, EndpointSettings, Join, Mode, PortWish, Sandbox, settings};
use stead_runtime::NetNamespace;

use super::config::{Config, HostConfig, NetworkingConfig};
use super::record::Container;
use crate::emit::owned;
use crate::{Engine, Failure, Result};

/// The network that a start has prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What the plan says.
    pub(super) namespace: NetNamespace,
    /// The namespace itself, for the monitor to hold.
    pub(super) held: Option<OwnedFd>,
    /// Addresses, names and ports.
    pub(super) sandbox: Option<Sandbox>,
}

impl Prepared {
    fn plain(namespace: NetNamespace) -> Self {
        Self { namespace, held: None, sandbox: None }
    }

    fn held(namespace: OwnedFd, sandbox: Option<Sandbox>) -> Self {
        let path = PathBuf::from(format!("/proc/self/fd/{}", stead_monitor::NETWORK_FD));
        Self { namespace: NetNamespace::Path(path), held: Some(namespace), sandbox }
    }
}

/// Refuses what cannot be, in Docker's words, before anything is made.
pub(super) fn check(config: &Config, host: &HostConfig, networking: &NetworkingConfig) -> Result<()> {
    let mode = Mode::parse(&host.network_mode);
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let ports = port_wishes(config, host)?;
    let conflict = |what: &str| Err(Failure::invalid(format!("conflicting options: {what}")));
    match &mode {
        Mode::Container(_) => {
            if !config.hostname.is_empty() {
                return conflict("hostname and the network mode");
            }
            if given(&host.links) {
                return conflict("container type network can't be used with links. This would result in undefined behavior");
            }
            if given(&host.dns) {
                return conflict("dns and the network mode");
            }
            if given(&host.extra_hosts) {
                return conflict("custom host-to-IP mapping and the network mode");
            }
            if !config.mac_address.is_empty() {
                return conflict("mac-address and the network mode");
            }
            if host.port_bindings.as_ref().and_then(|b| b.as_object()).is_some_and(|b| !b.is_empty()) || host.publish_all_ports {
                return conflict("port publishing and the container type network mode");
            }
            if !config.exposed_ports.is_empty() {
                return conflict("port exposing and the container type network mode");
            }
        }
        Mode::Host if given(&host.links) => {
            return conflict("host type networking can't be used with links. This would result in undefined behavior");
        }
        _ => drop(ports),
    }
    for (name, value) in &networking.endpoints_config {
        let asked = EndpointSettings::read(value)?;
        asked.check()?;
        let default = name == "bridge" || name == "default";
        if default && asked.ipam.as_ref().is_some_and(|ipam| !ipam.ipv4.is_empty() || !ipam.ipv6.is_empty()) {
            return Err(Failure::invalid(
                "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only",
            ));
        }
        if default && given(&asked.aliases) {
            return Err(Failure::invalid(
                "invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks",
            ));
        }
    }
    let mac = EndpointSettings { mac_address: config.mac_address.clone(), ..EndpointSettings::default() };
    Ok(mac.check()?)
}

/// The ports a container wants to be reached by: those that were named, and with `-P` all that its image exposes.
pub(super) fn port_wishes(config: &Config, host: &HostConfig) -> Result<Vec<PortWish>> {
    let mut wishes = host.port_bindings.as_ref().map(settings::port_wishes).transpose()?.unwrap_or_default();
    for key in config.exposed_ports.keys() {
        let (container_port, protocol) =
            settings::parse_port(key).ok_or_else(|| Failure::invalid(format!("invalid exposed port: {key:?}")))?;
        let named = wishes.iter().any(|w| w.container_port == container_port && w.protocol == protocol);
        if host.publish_all_ports && !named {
            wishes.push(PortWish { container_port, protocol, host_ip: None, host_ports: None });
        }
    }
    Ok(wishes)
}

impl Engine {
    /// Whether anybody still looks after a container, or is about to.
    pub(crate) fn is_looked_after(&self, id: &str) -> bool {
        stead_monitor::State::read(&self.run_root, id).is_some() || matches!(writable::hold_if_free(&self.run_root, id), Ok(None))
    }

    /// Brings `HostConfig.NetworkMode` and the networks asked for into the form that is kept.
    pub(super) fn settle_networking(&self, config: &mut Config, host: &mut HostConfig, networking: &mut NetworkingConfig) -> Result<()> {
        if let Some(settings) = networking.endpoints_config.remove("default") {
            networking.endpoints_config.entry(stead_network::BRIDGE.to_owned()).or_insert(settings);
        }
        match Mode::parse(&host.network_mode) {
            Mode::Container(other) => {
                let other = self.container(&other).map_err(|failure| Failure::invalid(failure.message))?;
                config.hostname = super::plan::hostname(&other);
                config.domainname.clone_from(&other.config.domainname);
                host.network_mode = format!("container:{}", other.id);
            }
            Mode::Default => stead_network::BRIDGE.clone_into(&mut host.network_mode),
            Mode::Host | Mode::None | Mode::Network(_) => {}
        }
        if let Mode::Network(name) = Mode::parse(&host.network_mode) {
            networking.endpoints_config.entry(name).or_insert_with(|| serde_json::json!({}));
        }
        Ok(())
    }

    /// Makes the network of a start.
    pub(super) fn prepare_network(&self, container: &Container) -> Result<Prepared> {
        let mode = Mode::parse(&container.host.network_mode);
        match &mode {
            Mode::Host => return Ok(Prepared::plain(NetNamespace::Host)),
            Mode::None => return Ok(Prepared::plain(NetNamespace::None)),
            Mode::Container(other) => return Ok(Prepared::held(self.namespace_of(other)?, None)),
            Mode::Default | Mode::Network(_) => {}
        }
        let wanted = self.attach_request(container)?;
        match wanted.joins.first().map(|join| join.network.driver.as_str()) {
            Some("host") => return Ok(Prepared::plain(NetNamespace::Host)),
            Some("null") => return Ok(Prepared::plain(NetNamespace::None)),
            Some(_) | None => {}
        }
        match self.networks.attach(&wanted, &|id| self.is_looked_after(id)) {
            Ok((namespace, sandbox)) => Ok(Prepared::held(namespace, Some(sandbox))),
            // Nobody asked for a network, and this host cannot have one: a loopback is what remains, and it is said.
            Err(lack) if lack.is_lack() && is_by_default(container) => {
                self.warn(&format!("the container has no network but its loopback: {lack}"));
                Ok(Prepared::plain(NetNamespace::None))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Everything that the networks' room needs to know of a container.
    pub(crate) fn attach_request(&self, container: &Container) -> Result<Attach> {
        let mut joins: Vec<Join> = Vec::new();
        let asked = &container.networking.endpoints_config;
        for name in container.networks() {
            let network = self.networks.resolve(&name)?;
            let mut settings = asked.get(&name).map(EndpointSettings::read).transpose()?.unwrap_or_default();
            // The same network by its name and by its id is one.
            if let Some(known) = joins.iter_mut().find(|join| join.network.id == network.id) {
                known.settings = settings;
                continue;
            }
            if joins.is_empty() && settings.mac_address.is_empty() {
                settings.mac_address.clone_from(&container.config.mac_address);
            }
            joins.push(Join { network, settings });
        }
        Ok(Attach {
            container: container.id.clone(),
            name: container.name.clone(),
            hostname: container.config.hostname.clone(),
            joins,
            ports: port_wishes(&container.config, &container.host)?,
            dns: container.host.dns.iter().flatten().filter_map(|server| server.parse().ok()).collect(),
        })
    }

    /// The network namespace of a running container.
    pub(crate) fn namespace_of(&self, typed: &str) -> Result<OwnedFd> {
        let other = self.container(typed)?;
        let now = self.now(&other.id);
        if now.status == "restarting" {
            return Err(Failure::new(Kind::Conflict, format!("container {} is restarting, wait until the container is running", other.id)));
        }
        let not_running = || Failure::new(Kind::Conflict, format!("cannot join network of a non running container: {}", other.id));
        let live = now.live.as_ref().filter(|_| now.is_running()).ok_or_else(not_running)?;
        let file = std::fs::File::open(format!("/proc/{}/ns/net", live.pid)).map_err(|_gone| not_running())?;
        // The number may have become another process's while it was opened.
        let again = self.now(&other.id);
        if again.pid() != live.pid || again.started_at() != now.started_at() {
            return Err(not_running());
        }
        Ok(file.into())
    }

    /// What a container had on the network is free again.
    pub(crate) fn release_network(&self, container: &Container) -> Result<()> {
        // Several may clean up after one container; one of them tells it.
        let sandbox = self.networks.release(&container.id, &|id| self.is_looked_after(id))?;
        for endpoint in sandbox.iter().flat_map(|s| &s.endpoints) {
            self.emit_network(
                &endpoint.network,
                &endpoint.network_name,
                &self.driver_of(&endpoint.network),
                "disconnect",
                Some(&container.id),
            );
        }
        Ok(())
    }

    /// Says which networks a container that begins to live is in.
    pub(super) fn tell_connected(&self, id: &str) {
        let sandbox = stead_network::sandbox::read(&self.run_root, id);
        for endpoint in sandbox.iter().flat_map(|s| &s.endpoints) {
            self.emit_network(&endpoint.network, &endpoint.network_name, &self.driver_of(&endpoint.network), "connect", Some(id));
        }
    }

    fn driver_of(&self, network: &str) -> String {
        self.networks.resolve(network).map_or_else(|_gone| "bridge".to_owned(), |network| network.driver)
    }

    /// Says something of a network.
    pub(crate) fn emit_network(&self, id: &str, name: &str, driver: &str, action: &str, container: Option<&str>) {
        let mut attributes = owned(&[("name", name), ("type", driver)]);
        if let Some(container) = container {
            attributes.insert("container".to_owned(), container.to_owned());
            self.emit_fleeting("network", action, id, attributes);
        } else {
            self.emit("network", action, id, attributes);
        }
    }

    /// /etc/hosts, /etc/hostname and /etc/resolv.conf, from what the container's network came to.
    pub(crate) fn write_engine_files(&self, container: &Container, sandbox: Option<&Sandbox>) -> Result<()> {
        let dir = self.root.container(&container.id);
        let files = match Mode::parse(&container.host.network_mode) {
            // Who shares a network shares what is known of it.
            Mode::Container(other) => self.files_of(&other)?,
            mode => self.own_files(container, sandbox, mode == Mode::Host),
        };
        Ok(files::write(&dir, &files)?)
    }

    /// The same for a container that runs and has the present files mounted: their content is replaced, not the files.
    pub(crate) fn rewrite_engine_files(&self, container: &Container, sandbox: &Sandbox) -> Result<()> {
        Ok(files::rewrite(&self.root.container(&container.id), &self.own_files(container, Some(sandbox), false))?)
    }

    fn files_of(&self, other: &str) -> Result<Files> {
        let other = self.container(other)?;
        let [hosts, hostname, resolv] = files::paths(&self.root.container(&other.id)).map(|(_, path)| files::read(&path));
        Ok(Files { hosts, hostname, resolv })
    }

    fn own_files(&self, container: &Container, sandbox: Option<&Sandbox>, on_host: bool) -> Files {
        let (config, host) = (&container.config, &container.host);
        let hostname = super::plan::hostname(container);
        let host_resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let list = |l: &Option<Vec<String>>| l.clone().unwrap_or_default();
        let (servers, search, options) = (list(&host.dns), list(&host.dns_search), list(&host.dns_options));
        let addresses: Vec<IpAddr> = sandbox.iter().flat_map(|s| &s.endpoints).flat_map(|e| e.addresses()).map(|(a, _)| a).collect();
        let hosts = match std::fs::read_to_string("/etc/hosts") {
            // On the host's network the host's names hold.
            Ok(text) if on_host && host.extra_hosts.is_none() => text,
            _ => {
                let mut extra: Vec<String> = list(&host.extra_hosts).iter().map(|entry| self.host_gateway(entry, sandbox)).collect();
                extra.extend(self.links(container, sandbox));
                files::hosts(&hostname, &config.domainname, &addresses, &extra)
            }
        };
        let names = sandbox.map(|s| self.name_servers(s)).unwrap_or_default();
        let apart = sandbox.is_some();
        let resolver = Resolver { host: &host_resolv, names: &names, apart, servers: &servers, search: &search, options: &options };
        Files { hosts, hostname: format!("{hostname}\n"), resolv: files::resolv(&resolver) }
    }

    /// The addresses that answer the names of a container's networks.
    fn name_servers(&self, sandbox: &Sandbox) -> Vec<IpAddr> {
        let named = sandbox.endpoints.iter().filter(|e| !e.names.is_empty());
        let networks = named.filter_map(|e| self.networks.resolve(&e.network).ok());
        networks.filter_map(|n| n.pools.first().map(|pool| pool.gateway)).collect()
    }

    /// `NAME:host-gateway` leads to the host by the address that its bridge has.
    fn host_gateway(&self, entry: &str, sandbox: Option<&Sandbox>) -> String {
        let Some(name) = entry.strip_suffix(":host-gateway") else { return entry.to_owned() };
        let own = sandbox.and_then(|s| s.gateway(true)).and_then(|e| e.gateway4);
        let gateway = own.or_else(|| self.networks.resolve("bridge").ok()?.pools.first().map(|pool| pool.gateway));
        gateway.map_or_else(|| format!("{name}:127.0.0.1"), |gateway| format!("{name}:{gateway}"))
    }

    /// `--link`: lines of /etc/hosts that name other containers.
    fn links(&self, container: &Container, sandbox: Option<&Sandbox>) -> Vec<String> {
        let of_networks = container.networking.endpoints_config.values().filter_map(|v| EndpointSettings::read(v).ok());
        let all = container.host.links.iter().flatten().cloned().chain(of_networks.filter_map(|s| s.links).flatten());
        let mut lines = BTreeMap::new();
        for link in all {
            let (target, alias) = link.split_once(':').unwrap_or((&link, &link));
            let (target, alias) = (target.trim_start_matches('/'), alias.rsplit('/').next().unwrap_or(alias));
            let Ok(other) = self.container(target) else { continue };
            let theirs = stead_network::sandbox::read(&self.run_root, &other.id);
            let shared = theirs
                .iter()
                .flat_map(|s| &s.endpoints)
                .find(|e| sandbox.is_some_and(|s| s.endpoints.iter().any(|o| o.network == e.network)));
            if let Some((address, _)) = shared.and_then(|e| e.ipv4.or(e.ipv6)) {
                for name in [alias, &super::plan::hostname(&other), &other.name] {
                    lines.insert(name.to_owned(), format!("{name}:{address}"));
                }
            }
        }
        lines.into_values().collect()
    }

    /// Tells whoever listens something that deserves a word and fails nothing.
    pub(crate) fn warn(&self, text: &str) {
        if let Some(warn) = self.options.warn {
            warn(text);
        }
    }
}

/// Whether the user said nothing about networks.
fn is_by_default(container: &Container) -> bool {
    let host = &container.host;
    let published = host.port_bindings.as_ref().and_then(|b| b.as_object()).is_some_and(|b| !b.is_empty()) || host.publish_all_ports;
    !published && container.networks() == [stead_network::BRIDGE]
}

fn failed(error: stead_network::Error) -> Failure {
    let mut failure = Failure::from(error);
    if failure.kind != Kind::NotFound {
        failure.message = format!("failed to set up container networking: {}", failure.message);
    }
    failure
}
