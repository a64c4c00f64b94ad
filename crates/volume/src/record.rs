//! What is known of a volume: the same value is its sidecar (the truth) and its record in the store (the index).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_mount::Access;
use stead_store::{Record, Ref};

/// The driver that needs nothing but a directory.
pub const LOCAL: &str = "local";
/// Docker's mark of a volume nobody named.
pub const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

/// Whether an image may still fill the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum State {
    /// Nothing was ever copied into it.
    #[default]
    New,
    /// Populated, or taken over with content; never populated again.
    Ready,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Unique; also the name of its directory.
    pub name: String,
    /// Who makes its content available.
    pub driver: String,
    /// 32 hexadecimal digits that no other volume ever has, even of the same name.
    pub uuid: String,
    /// As given at creation.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The driver's options, as given at creation.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Time,
    /// Whether its name was made up by the engine.
    #[serde(default)]
    pub anonymous: bool,
    /// Whether it can still be populated.
    #[serde(default)]
    pub state: State,
    /// What it was populated from, e.g. the image path; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub populated_from: Option<String>,
    /// Whether nothing removes it, whatever is insisted on (`volume protect`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Who may use it at the same time, whatever its mounts ask.
    #[serde(default, skip_serializing_if = "Access::is_shared")]
    pub access: Access,
    /// Whose anonymous volume it is: a container that takes that one's place gets it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_holder: Option<LastHolder>,
    /// The volume, or the snapshot (`VOL@SNAP`), of which it is a clone; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Where its content lies.
    #[serde(default, skip_serializing_if = "Place::is_directory")]
    pub place: Place,
    /// What it may take.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// Where the content of a volume lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In a directory of the root; with a device of its own, mounted there while it is used.
    #[default]
    Directory,
    /// In a subvolume of the pool.
    Pool,
    /// In a file system of its own, in the sparse file `image` beside `_data`.
    Image,
}

impl Place {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Pool => "pool",
            Self::Image => "image",
        }
    }

    fn is_directory(&self) -> bool {
        *self == Self::Directory
    }
}

/// What a volume may take. Empty: whatever there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes its content may come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What holds the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// How it grows by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Extend>,
    /// How fast it may be read and written.
    #[serde(default, skip_serializing_if = "IoLimit::is_none")]
    pub io: IoLimit,
}

impl Limits {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What keeps a volume to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "method")]
pub enum Quota {
    /// The quota group of its subvolume.
    Qgroup,
    /// A project of the file system (ext4, xfs); its directory knows which.
    Project,
    /// The size of its own file system.
    Image {
        /// Which.
        fs: ImageFs,
    },
}

/// The file system in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFs {
    /// ext4.
    #[default]
    Ext4,
    /// xfs.
    Xfs,
}

impl ImageFs {
    /// The word for it, as mount(8) knows it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Ext4, Self::Xfs].into_iter().find(|fs| fs.word() == word)
    }
}

/// Growing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extend {
    /// By so many percent of its size, when it is nearly full.
    pub percent: u64,
    /// Up to so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

/// Rates. Each container that uses the volume may have so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IoLimit {
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_ops: Option<u64>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_ops: Option<u64>,
}

impl IoLimit {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The container that an anonymous volume was made for, by what stays when it is made anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastHolder {
    /// The name somebody gave it; empty where the engine made it up, or where compose did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Compose's project; empty where compose has nothing to do with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// Compose's service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Which of the service's containers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// The image's repository, without tag: a newer image of it is the same program.
    pub image: String,
    /// Where in the container.
    pub destination: String,
}

impl Record for Volume {
    const KIND: &'static str = "volume";
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.name
    }

    fn name(&self) -> Option<&str> {
        None
    }

    /// An anonymous volume is found by whose it was.
    fn refs(&self) -> Vec<Ref> {
        self.last_holder.iter().map(|holder| Ref { kind: HOLDER_KIND, id: holder.key() }).collect()
    }
}

/// What the index calls the container that an anonymous volume was made for. There are no records of this kind.
pub(crate) const HOLDER_KIND: &str = "anonymous-volume-of";

impl LastHolder {
    /// The same for the same container, image and place; no part can hold a NUL.
    pub(crate) fn key(&self) -> String {
        let Self { name, project, service, number, image, destination } = self;
        [name, project, service, number, image, destination].map(String::as_str).join("\0")
    }
}
