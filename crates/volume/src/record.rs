//! What is known of a volume: the same value is its sidecar (the truth) and its record in the store (the index).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_mount::Access;
use stead_store::Record;

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
}
