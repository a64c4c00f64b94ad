//! What a user asked for: one mount as Docker's API spells it (`HostConfig.Mounts[]`), kept verbatim in the container's record.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::Access;
use crate::extra::Extras;

/// The kinds of mount the API knows. Any word may be asked for; what is not known is refused by [`crate::validate`], with Docker's text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub enum MountType {
    /// A path of the host.
    Bind,
    /// A volume, named or anonymous.
    #[default]
    Volume,
    /// Memory of this container only, gone when it stops.
    Tmpfs,
    /// The file system of an image, read-only.
    Image,
    /// A Windows named pipe.
    Npipe,
    /// A swarm cluster volume.
    Cluster,
    /// Any other word, lower-cased, so that the refusal can name it.
    Unknown(String),
}

impl MountType {
    /// The word used in JSON and on the command line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
            Self::Npipe => "npipe",
            Self::Cluster => "cluster",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for MountType {
    fn from(word: &str) -> Self {
        match word {
            "bind" => Self::Bind,
            "volume" => Self::Volume,
            "tmpfs" => Self::Tmpfs,
            "image" => Self::Image,
            "npipe" => Self::Npipe,
            "cluster" => Self::Cluster,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for MountType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MountType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MountType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// One entry of `HostConfig.Mounts`, the JSON of Docker's API `Mount`: empty fields are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountRequest {
    /// Kind of mount. Absent in JSON means none was given, which the daemon refuses.
    #[serde(rename = "Type", skip_serializing_if = "is_untyped", default = "untyped")]
    pub kind: MountType,
    /// Host path, volume name or image reference; empty for an anonymous volume and for tmpfs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Path in the container.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Whether the container may only read.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Consistency of shared file systems of desktop machines; without effect on Linux.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consistency: String,
    /// Options of a bind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_options: Option<BindOptions>,
    /// Options of a volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_options: Option<VolumeOptions>,
    /// Options of an image mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_options: Option<ImageOptions>,
    /// Options of a tmpfs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
    /// Options of a cluster volume: none exist, but their presence is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_options: Option<ClusterOptions>,
}

/// How a bind is made. The bools are the wire format's, independent of one another there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the shape of the wire format")]
pub struct BindOptions {
    /// Propagation as the user wrote it (`rprivate`, ...); checked by [`crate::validate`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub propagation: String,
    /// Leave out the mounts below the source.
    #[serde(skip_serializing_if = "is_false")]
    pub non_recursive: bool,
    /// Create the source directory when it is missing.
    #[serde(skip_serializing_if = "is_false")]
    pub create_mountpoint: bool,
    /// Read-only at the top only; the mounts below stay as they are.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only_non_recursive: bool,
    /// Read-only all the way down, or an error.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only_force_recursive: bool,
    /// Our own: who may use the source at the same time, a word of [`crate::Access`]; empty where nothing is asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access: String,
    /// Our own.
    #[serde(flatten)]
    pub extras: Extras,
}

/// How a volume is found, made and mounted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeOptions {
    /// Do not fill a new volume with what the image holds at the target.
    #[serde(skip_serializing_if = "is_false")]
    pub no_copy: bool,
    /// Labels of a volume that is created by this mount.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Directory or file of the volume to mount, relative to its root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subpath: String,
    /// Our own: who may use the source at the same time, a word of [`crate::Access`]; empty where nothing is asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access: String,
    /// Driver of a volume that is created by this mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_config: Option<DriverConfig>,
    /// Our own.
    #[serde(flatten)]
    pub extras: Extras,
}

/// The driver that makes a volume, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DriverConfig {
    /// Name of the driver; empty means the default one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Options of the driver.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub options: BTreeMap<String, String>,
}

/// Which part of an image is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageOptions {
    /// Directory or file of the image to mount, relative to its root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subpath: String,
}

/// Size and rights of a tmpfs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TmpfsOptions {
    /// Limit in bytes; 0 means the kernel's default, half of the memory.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub size_bytes: i64,
    /// Permission bits of the root; 0 means those of the image's directory, or 1777.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub mode: u32,
    /// Further options, each `[name]` or `[name, value]`; only `exec` and `noexec` are allowed.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub options: Vec<Vec<String>>,
    /// Our own: never write these pages to a swap device (Linux 6.4 or newer).
    #[serde(skip_serializing_if = "is_false")]
    pub no_swap: bool,
    /// Our own: the owner of the root.
    #[serde(rename = "UID", skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Our own: the group of the root.
    #[serde(rename = "GID", skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Our own: begin with what the image has at the target.
    #[serde(skip_serializing_if = "is_false")]
    pub copy_up: bool,
}

/// Marker of a cluster volume's options, an empty object in the API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterOptions {}

impl MountRequest {
    /// Who may use the source at the same time, if that was asked.
    pub fn access(&self) -> Option<Access> {
        let word = match self.kind {
            MountType::Volume => &self.volume_options.as_ref()?.access,
            MountType::Bind => &self.bind_options.as_ref()?.access,
            _ => return None,
        };
        Access::from_word(word)
    }

    /// The part of the volume or image that is asked for, if it is not all of it.
    pub fn subpath(&self) -> Option<&str> {
        let subpath = match self.kind {
            MountType::Volume => &self.volume_options.as_ref()?.subpath,
            MountType::Image => &self.image_options.as_ref()?.subpath,
            _ => return None,
        };
        (!subpath.is_empty()).then_some(subpath.as_str())
    }

    /// What is asked beyond Docker of a bind or a volume.
    pub fn extras(&self) -> Option<&Extras> {
        match self.kind {
            MountType::Bind => Some(&self.bind_options.as_ref()?.extras),
            MountType::Volume => Some(&self.volume_options.as_ref()?.extras),
            _ => None,
        }
    }
}

fn untyped() -> MountType {
    MountType::Unknown(String::new())
}

fn is_untyped(kind: &MountType) -> bool {
    kind.as_str().is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero_i64(value: &i64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}

/// Go clients send `null` for an empty map or list.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
