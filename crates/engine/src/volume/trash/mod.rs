//! Removed volumes that can still be had back: one verb a file.

mod empty;
mod expire;
mod inspect;
mod ls;

use std::collections::BTreeMap;

use serde::Serialize;
use stead_volume::Kept;

pub use empty::{Emptied, EmptyTrash};

/// A removed volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrashedView {
    /// By what it can be had back; no other removal has it.
    #[serde(rename = "ID")]
    pub id: String,
    /// The name it had.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Whether nobody had named it.
    pub anonymous: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its driver's options.
    pub options: BTreeMap<String, String>,
    /// When it was made, RFC 3339; empty where its sidecar cannot be read.
    pub created_at: String,
    /// When it was removed, RFC 3339.
    pub removed_at: String,
    /// From when on a sweep may have it, RFC 3339.
    pub keep_until: String,
    /// What removed it.
    pub removed_by: String,
    /// Bytes of its files; -1 where they cannot be counted.
    pub size: i64,
    /// Its content on this host, for a last look.
    pub mountpoint: String,
}

impl TrashedView {
    pub(crate) fn of(kept: &Kept) -> Self {
        let volume = kept.volume.as_ref();
        Self {
            id: kept.id.clone(),
            name: kept.name.clone(),
            driver: volume.map(|v| v.driver.clone()).unwrap_or_default(),
            anonymous: volume.is_some_and(|v| v.anonymous),
            labels: volume.map(|v| v.labels.clone()).unwrap_or_default(),
            options: volume.map(|v| v.options.clone()).unwrap_or_default(),
            created_at: volume.map(|v| v.created_at.rfc3339()).unwrap_or_default(),
            removed_at: kept.removed_at.rfc3339(),
            keep_until: kept.keep_until.rfc3339(),
            removed_by: kept.why.clone(),
            size: kept.size().ok().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1),
            mountpoint: kept.directory.join("_data").display().to_string(),
        }
    }
}
