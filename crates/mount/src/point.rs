//! One line of a container's mounts after all ways of asking were merged: what the record keeps and what inspect shows.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::Access;
use crate::request::{MountRequest, MountType};

/// How mount events travel between the host and the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Propagation {
    /// Nothing was asked: volumes, tmpfs, Windows. The kernel is asked for [`Propagation::RPrivate`].
    #[default]
    Unset,
    /// No events cross the top mount.
    Private,
    /// No events cross, all the way down. Docker's default for binds.
    RPrivate,
    /// Events go both ways at the top mount.
    Shared,
    /// Events go both ways, all the way down.
    RShared,
    /// Events of the host arrive here at the top mount.
    Slave,
    /// Events of the host arrive here, all the way down.
    RSlave,
}

impl Propagation {
    /// The word of the grammar; empty for [`Propagation::Unset`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Private => "private",
            Self::RPrivate => "rprivate",
            Self::Shared => "shared",
            Self::RShared => "rshared",
            Self::Slave => "slave",
            Self::RSlave => "rslave",
        }
    }

    /// The propagation a word names; the empty word names none.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "private" => Self::Private,
            "rprivate" => Self::RPrivate,
            "shared" => Self::Shared,
            "rshared" => Self::RShared,
            "slave" => Self::Slave,
            "rslave" => Self::RSlave,
            _ => return None,
        })
    }
}

impl Serialize for Propagation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Propagation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word.is_empty() {
            return Ok(Self::Unset);
        }
        Self::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("invalid propagation mode: {word}")))
    }
}

/// Which way of asking a mount point came from. Decides precedence and the `Mode` that inspect shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `-v SRC:DST`, kept in `HostConfig.Binds`.
    #[default]
    Bind,
    /// `--mount`, kept in `HostConfig.Mounts`.
    Mount,
    /// Inherited by `--volumes-from`.
    VolumesFrom,
    /// `-v /path` or the image's `VOLUME`, kept in `Config.Volumes`.
    Anonymous,
}

/// One resolved mount of a container.
///
/// It lives as long as the container's record. For a volume, [`MountPoint::set_volume`] fills in name, driver
/// and path once the engine knows them; until then an anonymous volume has an empty `name`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MountPoint {
    /// Kind of mount.
    pub kind: MountType,
    /// Volume name (empty while an anonymous volume waits for one) or image reference.
    pub name: String,
    /// Host path of the bind, of the volume's data, or of the image's tree; empty for tmpfs.
    pub source: String,
    /// Clean absolute path in the container.
    pub destination: String,
    /// Driver of the volume.
    pub driver: String,
    /// Mode flags as the user wrote them, or `z` for a named local volume.
    pub mode: String,
    /// Whether the container may write.
    pub rw: bool,
    /// Propagation asked for or defaulted.
    pub propagation: Propagation,
    /// Whether a new volume is filled from the image.
    pub copy_data: bool,
    /// Whether a missing bind source must not be created at start.
    pub skip_source_creation: bool,
    /// Which way of asking this came from.
    pub origin: Origin,
    /// The request behind it, also for `-v`.
    pub spec: MountRequest,
}

/// The driver whose named volumes show the mode `z` in inspect.
pub const DEFAULT_VOLUME_DRIVER: &str = "local";

impl MountPoint {
    /// Fills in the volume behind this mount point.
    ///
    /// A volume of the default driver that was asked for through `-v` or `--mount` shows mode `z` when no mode was
    /// given, whatever the host's labelling: Docker does so, and clients compare it.
    pub fn set_volume(&mut self, name: &str, driver: &str, mountpoint: &str) {
        name.clone_into(&mut self.name);
        driver.clone_into(&mut self.driver);
        mountpoint.clone_into(&mut self.source);
        let asked = matches!(self.origin, Origin::Bind | Origin::Mount);
        if asked && driver == DEFAULT_VOLUME_DRIVER && self.mode.is_empty() {
            "z".clone_into(&mut self.mode);
        }
    }

    /// Whether this is a volume that nobody named, which `--rm` and `rm -v` may delete.
    pub fn is_anonymous_volume(&self) -> bool {
        self.kind == MountType::Volume && self.spec.source.is_empty()
    }

    /// Who may use the source at the same time, as this mount asks.
    pub fn access(&self) -> Access {
        self.spec.access().unwrap_or_default()
    }

    /// The volume that keeps what is written over this mount.
    pub fn overlay_volume(&self) -> Option<&str> {
        let overlay = self.spec.extras()?.overlay.as_ref()?;
        (!overlay.volume.is_empty()).then_some(overlay.volume.as_str())
    }

    /// The part of the volume or image that is mounted, if not all of it.
    pub fn subpath(&self) -> Option<&str> {
        self.spec.subpath()
    }
}
