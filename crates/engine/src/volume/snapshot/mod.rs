//! Snapshots of volumes: one verb a file.

mod create;
pub mod hook;
mod inspect;
mod list;
mod remove;
pub(crate) mod still;

use std::collections::BTreeMap;

use serde::Serialize;
use stead_volume::Snapshot;

use crate::Engine;

pub use create::GroupRequest;
pub use stead_volume::SnapshotRequest;

/// A snapshot as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SnapshotView {
    /// Its name.
    pub name: String,
    /// The volume's name.
    pub volume: String,
    /// The moment whose state it has; RFC 3339.
    pub created_at: String,
    /// `subvolume`, `reflink` or `copy`.
    pub method: String,
    /// `manual`, `schedule`, `before-rollback` or `clone`.
    pub why: String,
    /// Sum of the sizes of its files in bytes; -1 until it was counted, which `inspect` does.
    pub size: i64,
    /// Names in it, of directories too; -1 until they were counted.
    pub entries: i64,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Path on the host. Nothing may be written there.
    pub mountpoint: String,
    /// How long those who use the volume stood still, in milliseconds; only in the answer to its creation, and only if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_ms: Option<f64>,
    /// What it has in common with the other snapshots that were taken at the same instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Not all of its group are there yet: they are being published, or that was interrupted and the next repair removes them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// Hooks that failed after it; only in the answer to its creation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Engine {
    /// A snapshot as the API shows it.
    pub(crate) fn snapshot_view(&self, volume: &str, snapshot: &Snapshot) -> SnapshotView {
        let known = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
        SnapshotView {
            name: snapshot.name.clone(),
            volume: volume.to_owned(),
            created_at: snapshot.created_at.rfc3339_nano(),
            method: snapshot.method.as_str().to_owned(),
            why: snapshot.why.as_str().to_owned(),
            size: known(snapshot.bytes),
            entries: known(snapshot.entries),
            labels: (!snapshot.labels.is_empty()).then(|| snapshot.labels.clone()),
            mountpoint: self.volumes.snapshot_path(volume, &snapshot.name).display().to_string(),
            pause_ms: None,
            group: snapshot.group.clone(),
            incomplete: self.volumes.is_incomplete(snapshot),
            warnings: Vec::new(),
        }
    }
}
