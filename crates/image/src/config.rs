//! The image config: what the image's author says about running it. Its sha256 is the image's id, so the raw bytes are kept as they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use stead_base::Digest;

/// The fields of an image config that Stead reads; the rest stays in the raw bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Processor, in Go's words.
    pub architecture: String,
    /// Processor variant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Operating system; empty in very old images, which means Linux.
    pub os: String,
    /// Windows' build.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// RFC 3339; absent in reproducible images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// What for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The engine that made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub docker_version: String,
    /// Defaults for containers.
    #[serde(deserialize_with = "null_is_default")]
    pub config: ContainerDefaults,
    /// The layers.
    pub rootfs: RootFs,
    /// One line per build step, base first.
    #[serde(deserialize_with = "null_is_default")]
    pub history: Vec<History>,
}

/// The layers of an image, base first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed tars.
    #[serde(deserialize_with = "null_is_default")]
    pub diff_ids: Vec<Digest>,
}

/// One build step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Who.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// A remark.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether the step made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// An empty JSON object, Docker's way to write a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Defaults for containers of the image (Docker's `config` object, OCI's and Docker's own fields).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerDefaults {
    /// `USER[:GROUP]`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `port/proto`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `K=V`, in order.
    #[serde(deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// Program put before `cmd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments, or the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths that get an anonymous volume.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// Directory the program starts in.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the program to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Windows: the command line is one string.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Docker's health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Build triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Shell of the shell form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
}

/// Docker's health check; times in nanoseconds, zero means inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one check.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Grace after the start.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two checks during the grace.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
}

impl ImageConfig {
    /// Reads the raw bytes.
    ///
    /// # Errors
    /// JSON that is not an image config, or diff ids that are not sha256 digests.
    pub fn parse(raw: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(raw)
    }

    /// The operating system, `linux` when the config is silent.
    #[must_use]
    pub fn os_or_linux(&self) -> &str {
        if self.os.is_empty() { "linux" } else { &self.os }
    }
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Go writes empty lists and maps as `null`.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_as_docker_writes_it_is_read() {
        let raw = br#"{"architecture":"amd64","os":"linux","config":{"Hostname":"","Env":["PATH=/bin"],"Cmd":["redis-server"],
            "Volumes":{"/data":{}},"OnBuild":null,"Labels":null,"ExposedPorts":{"6379/tcp":{}},"Healthcheck":{"Test":["CMD","x"],"Interval":5}},
            "rootfs":{"type":"layers","diff_ids":null},"history":null,"moby.buildkit.x":1}"#;
        let config = ImageConfig::parse(raw).unwrap();
        assert_eq!(config.config.cmd.as_deref(), Some(&["redis-server".to_owned()][..]));
        assert!(config.config.volumes.contains_key("/data"));
        assert_eq!(config.config.healthcheck.map(|h| h.interval), Some(5));
        assert!(ImageConfig::parse(br#"{"config":null}"#).is_ok());
        assert!(ImageConfig::parse(br#"{"rootfs":{"type":"layers","diff_ids":["sha256:../../x"]}}"#).is_err());
    }
}
