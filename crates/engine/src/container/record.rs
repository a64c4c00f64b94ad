//! The record of a container: what was asked, what it was resolved to. What is true of it now lies in the run root and `exit.json`.

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_mount::names::split_snapshot;
use stead_mount::{MountPoint, MountType};
use stead_network::Mode;
use stead_store::{Record, Ref};

use super::config::{Config, HostConfig, NetworkingConfig};

/// One container, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Container {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// Unique, without Docker's leading slash.
    pub(crate) name: String,
    /// When it was created.
    pub(crate) created: Time,
    /// The image's id, `sha256:…`.
    pub(crate) image: String,
    /// Diff ids of the root file system's layers, the lowest first. Kept here so that a container starts without its image's record.
    pub(crate) layers: Vec<String>,
    /// `os/arch[/variant]` of the image.
    pub(crate) platform: String,
    /// What was asked, with the image's defaults filled in.
    pub(crate) config: Config,
    /// What was asked of the host, verbatim.
    pub(crate) host: HostConfig,
    /// Networks asked for.
    #[serde(default)]
    pub(crate) networking: NetworkingConfig,
    /// The mounts all ways of asking came to.
    pub(crate) mounts: Vec<MountPoint>,
}

/// The kind under which containers are recorded.
pub(crate) const KIND: &str = "container";
/// The kind of an image's record.
pub(crate) const IMAGE_KIND: &str = "image";
/// The kind of a volume's record.
pub(crate) const VOLUME_KIND: &str = "volume";

impl Record for Container {
    const KIND: &'static str = KIND;
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    /// A container holds its image and every volume it mounts, stopped or not: this index is what `volume rm` asks.
    fn refs(&self) -> Vec<Ref> {
        let image = Ref { kind: IMAGE_KIND, id: self.image.clone() };
        let volumes = self.volumes().map(|name| Ref { kind: VOLUME_KIND, id: name.to_owned() });
        std::iter::once(image).chain(volumes).collect()
    }
}

impl Container {
    /// The names of the volumes it mounts, those that keep what is written over another mount included.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &str> {
        // A mounted snapshot holds its volume.
        let mounted = self.mounts.iter().filter(|m| m.kind == MountType::Volume && !m.name.is_empty()).map(|m| m.name.as_str());
        mounted.map(|name| split_snapshot(name).0).chain(self.mounts.iter().filter_map(MountPoint::overlay_volume))
    }

    /// The snapshots it mounts: volume and snapshot.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = (&str, &str)> {
        let points = self.mounts.iter().filter(|m| m.kind == MountType::Volume);
        points.filter_map(|m| match split_snapshot(&m.name) {
            (volume, Some(snapshot)) => Some((volume, snapshot)),
            _ => None,
        })
    }

    /// The networks it is in, by what its record calls them, the one of `eth0` first.
    pub(crate) fn networks(&self) -> Vec<String> {
        let asked = &self.networking.endpoints_config;
        let primary = match Mode::parse(&self.host.network_mode) {
            Mode::Host => return vec![stead_network::HOST.to_owned()],
            Mode::None => return vec![stead_network::NONE.to_owned()],
            Mode::Container(_) => return Vec::new(),
            // Records of versions without bridges name none.
            Mode::Default if asked.is_empty() => return vec![stead_network::BRIDGE.to_owned()],
            Mode::Default => stead_network::BRIDGE.to_owned(),
            Mode::Network(name) => name,
        };
        let first = asked.contains_key(&primary).then(|| primary.clone());
        first.into_iter().chain(asked.keys().filter(|name| **name != primary).cloned()).collect()
    }

    /// The volumes that nobody named: `--rm` and `rm -v` delete them.
    pub(crate) fn anonymous_volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|m| m.is_anonymous_volume() && !m.name.is_empty()).map(|m| m.name.as_str())
    }

    /// The whole command line: entrypoint, then command.
    pub(crate) fn args(&self) -> Vec<String> {
        let entrypoint = self.config.entrypoint.iter().flatten().filter(|word| !word.is_empty());
        entrypoint.chain(self.config.cmd.iter().flatten()).cloned().collect()
    }
}

/// What stays of a container's record from the moment of its removal until its directory is gone: it tells a directory that was to
/// go from one whose record was lost, which is kept. Written in the commit that ends the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// The container's id.
    pub(crate) id: String,
}

impl Record for Removed {
    const KIND: &'static str = "removed-container";
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        None
    }
}
