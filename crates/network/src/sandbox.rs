//! What is true of a running container's network: which addresses, names and ports it has. One file in its run directory.
//!
//! It is written before anything is made and deleted when the container has ended, so it is also the list of what is taken.
//! It need not survive the machine's run, so nothing of it is flushed.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_base::layout::RunRoot;
use stead_sys::durable;

use crate::error::Result;
use crate::settings::Protocol;

/// A container's place in one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The network's id.
    pub network: String,
    /// Its name.
    pub network_name: String,
    /// The interface inside.
    pub interface: String,
    /// The interface outside; none where there is none.
    #[serde(default)]
    pub outside: Option<String>,
    /// Hardware address.
    pub mac: String,
    /// IPv4 address and length of its prefix.
    #[serde(default)]
    pub ipv4: Option<(IpAddr, u8)>,
    /// IPv6 address and length of its prefix.
    #[serde(default)]
    pub ipv6: Option<(IpAddr, u8)>,
    /// Where everything else goes, IPv4; none in an internal network.
    #[serde(default)]
    pub gateway4: Option<IpAddr>,
    /// The same, IPv6.
    #[serde(default)]
    pub gateway6: Option<IpAddr>,
    /// Names it is found by.
    #[serde(default)]
    pub names: Vec<String>,
    /// The highest gives the default route.
    #[serde(default)]
    pub priority: i64,
}

impl Endpoint {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, u8)> {
        self.ipv4.into_iter().chain(self.ipv6)
    }
}

/// A port of the host that leads to one of the container's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// In the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Of the host; `0.0.0.0` and `::` are all of them.
    pub host_ip: IpAddr,
    /// On the host.
    pub host_port: u16,
}

/// A container's network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: String,
    /// Its places, the one of `eth0` first.
    pub endpoints: Vec<Endpoint>,
    /// Its published ports.
    #[serde(default)]
    pub ports: Vec<Published>,
    /// Name servers behind the names of its networks (`--dns`).
    #[serde(default)]
    pub dns: Vec<IpAddr>,
}

impl Sandbox {
    /// The endpoint that gives the default route and the published ports: the highest priority, then the first name, as in Docker.
    #[must_use]
    pub fn gateway(&self, v4: bool) -> Option<&Endpoint> {
        let leads = |e: &&Endpoint| if v4 { e.gateway4.is_some() } else { e.gateway6.is_some() };
        let mut able: Vec<&Endpoint> = self.endpoints.iter().filter(leads).collect();
        able.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.network_name.cmp(&b.network_name)));
        able.first().copied()
    }
}

fn path(run_root: &RunRoot, id: &str) -> PathBuf {
    run_root.container(id).join("network.json")
}

/// Reads one; none when the container has no network of ours.
#[must_use]
pub fn read(run_root: &RunRoot, id: &str) -> Option<Sandbox> {
    serde_json::from_slice(&std::fs::read(path(run_root, id)).ok()?).ok()
}

/// Writes one, whole.
pub(crate) fn write(run_root: &RunRoot, sandbox: &Sandbox) -> Result<()> {
    let bytes = serde_json::to_vec(sandbox).unwrap_or_default();
    durable::create_dir_all(&run_root.container(&sandbox.container), 0o711)?;
    Ok(durable::replace_unflushed(&path(run_root, &sandbox.container), &bytes, 0o600)?)
}

/// Deletes one; none is no error. Whether this call did it.
pub(crate) fn delete(run_root: &RunRoot, id: &str) -> Result<bool> {
    let path = path(run_root, id);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(stead_sys::Error::new("unlink", path, error).into()),
        deleted => Ok(deleted.is_ok()),
    }
}

/// All there are, of whatever is alive or not.
pub(crate) fn all(run_root: &RunRoot) -> Vec<Sandbox> {
    let entries = std::fs::read_dir(run_root.containers()).into_iter().flatten().flatten();
    let mut found: Vec<Sandbox> = entries.filter_map(|entry| read(run_root, entry.file_name().to_str()?)).collect();
    found.sort_by(|a, b| a.container.cmp(&b.container));
    found
}

/// How long ago it was written, in milliseconds.
pub(crate) fn age_ms(run_root: &RunRoot, id: &str) -> u128 {
    let modified = std::fs::metadata(path(run_root, id)).and_then(|m| m.modified());
    modified.ok().and_then(|moment| moment.elapsed().ok()).map_or(0, |age| age.as_millis())
}
