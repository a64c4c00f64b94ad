//! The records of the room: an image by its id, a name by its text. A name that moves to another image is one row that changes.

use serde::{Deserialize, Serialize};
use stead_base::Digest;
use stead_base::time::Time;
use stead_store::{Record, Ref, Tx};

use crate::{ImageConfig, Platform};

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Digest of the config, `sha256:…`.
    pub id: String,
    /// The config as far as Stead reads it; its exact bytes are the blob of this id.
    pub config: ImageConfig,
    /// Bytes of the files of all layers.
    pub size: u64,
    /// When it came here.
    pub added: Time,
    /// Removed by name while stopped containers still use it: not listed, not found, gone with the last of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// The image it was committed on, by id; empty for one that came whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// `name:tag` as people write them, sorted. Joined from the name records.
    #[serde(skip)]
    pub tags: Vec<String>,
    /// `name@sha256:…`, sorted. Joined from the name records.
    #[serde(skip)]
    pub digests: Vec<String>,
}

impl ImageRecord {
    /// The layers, base first.
    #[must_use]
    pub fn diff_ids(&self) -> &[Digest] {
        &self.config.rootfs.diff_ids
    }

    /// `os/arch[/variant]`.
    #[must_use]
    pub fn platform(&self) -> String {
        self.platform_value().to_string()
    }

    pub(crate) fn platform_value(&self) -> Platform {
        Platform {
            os: self.config.os_or_linux().to_owned(),
            architecture: self.config.architecture.clone(),
            variant: self.config.variant.clone(),
        }
    }

    /// The first twelve digits.
    #[must_use]
    pub fn short(&self) -> &str {
        stead_base::ids::short(&self.id)
    }

    /// Seconds since 1970 when it was made; 0 when it does not say.
    #[must_use]
    pub fn created(&self) -> Option<Time> {
        self.config.created.as_deref().and_then(Time::parse)
    }
}

impl Record for ImageRecord {
    const KIND: &'static str = "image";
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        None
    }

    /// An image holds its layers, and knows what it was committed on.
    fn refs(&self) -> Vec<Ref> {
        let mut refs: Vec<Ref> = self.diff_ids().iter().map(|id| Ref { kind: LAYER_KIND, id: id.to_string() }).collect();
        if !self.parent.is_empty() {
            refs.push(Ref { kind: Self::KIND, id: self.parent.clone() });
        }
        refs
    }
}

/// The kind under which layers are referred to; they have no records, their directory is the truth.
pub(crate) const LAYER_KIND: &str = "layer";

/// One name of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameRecord {
    /// `docker.io/library/redis:latest`, or `docker.io/library/redis@sha256:…`.
    pub(crate) name: String,
    /// The image's id.
    pub(crate) image: String,
    /// When it was given.
    pub(crate) since: Time,
}

impl Record for NameRecord {
    const KIND: &'static str = "image-name";
    const VERSION: u32 = 1;

    fn id(&self) -> &str {
        &self.name
    }

    fn name(&self) -> Option<&str> {
        None
    }

    fn refs(&self) -> Vec<Ref> {
        vec![Ref { kind: ImageRecord::KIND, id: self.image.clone() }]
    }
}

/// Makes the index of who uses what again from the records of this room, after damage.
///
/// # Errors
/// The store's.
pub fn reindex(tx: &Tx<'_>) -> stead_store::Result<()> {
    tx.reindex::<ImageRecord>()?;
    tx.reindex::<NameRecord>()?;
    Ok(())
}
