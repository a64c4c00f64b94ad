//! A volume as Docker's API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use stead_volume::{Place, Volume};

use crate::Engine;

/// Docker's `Volume`: absent labels and options are `null`, times have whole seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeView {
    /// RFC 3339. Unlike Docker's, which is the directory's ctime, it never moves.
    pub created_at: String,
    /// Driver.
    pub driver: String,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Path on the host.
    pub mountpoint: String,
    /// Name.
    pub name: String,
    /// Driver options.
    pub options: Option<BTreeMap<String, String>>,
    /// `local` or `global`.
    pub scope: String,
    /// What the driver says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<BTreeMap<String, Value>>,
    /// Size and users, only where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_data: Option<UsageData>,
}

/// Size and users of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsageData {
    /// Bytes; -1 when it cannot be known.
    pub size: i64,
    /// Containers that refer to it.
    pub ref_count: i64,
}

/// What Docker's fields have no place for.
fn status(volume: &Volume) -> Option<BTreeMap<String, Value>> {
    let mut status = BTreeMap::new();
    if volume.place != Place::Directory {
        status.insert("Place".to_owned(), Value::from(volume.place.word()));
    }
    if let Some(size) = volume.limits.size {
        status.insert("SizeLimit".to_owned(), Value::from(size));
    }
    if volume.protected {
        status.insert("Protected".to_owned(), Value::Bool(true));
    }
    (!status.is_empty()).then_some(status)
}

impl VolumeView {
    /// As Docker's `local` driver tells it: no status. Clients with types take every value in there for an object (bollard) and refuse ours.
    #[must_use]
    pub fn without_status(mut self) -> Self {
        self.status = None;
        self
    }
}

impl Engine {
    pub(crate) fn view(&self, volume: &Volume) -> VolumeView {
        let map = |m: &BTreeMap<String, String>| (!m.is_empty()).then(|| m.clone());
        VolumeView {
            created_at: volume.created_at.rfc3339(),
            driver: volume.driver.clone(),
            labels: map(&volume.labels),
            mountpoint: self.volumes.path(&volume.name).display().to_string(),
            name: volume.name.clone(),
            options: map(&volume.options),
            scope: "local".to_owned(),
            status: status(volume),
            usage_data: None,
        }
    }
}
