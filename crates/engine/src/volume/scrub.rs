//! `volume scrub`: whether snapshots still are what they were.

use std::sync::atomic::AtomicU64;

use serde::Serialize;
use stead_base::Kind;
use stead_volume::Scrubbed;

use crate::{Engine, Result};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubRequest {
    /// The volume.
    pub volume: String,
    /// `None`: all of its snapshots.
    pub snapshot: Option<String>,
    /// Only note what is in those that were never noted; nothing is compared.
    pub record: bool,
}

/// What was found in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScrubView {
    /// The volume.
    pub volume: String,
    /// The snapshot.
    pub snapshot: String,
    /// `subvolume`, `reflink` or `copy`.
    pub method: &'static str,
    /// `sound`, `damaged`, or `recorded`: it was read for the first time, and what it is now is noted for the next.
    pub status: &'static str,
    /// Names in it.
    pub entries: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is damaged, in the order of the paths.
    pub damage: Vec<DamageView>,
}

/// One damaged path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DamageView {
    /// From the root of the volume, which is `/`; `manifest` for the snapshot's manifest.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

impl Engine {
    /// Reads snapshots from the disk and compares them with what was noted. `read` counts the bytes, for whoever waits.
    ///
    /// # Errors
    /// No such volume or snapshot. Damage, and what cannot be read, is in the answer.
    pub fn volume_scrub(&self, request: &ScrubRequest, read: &AtomicU64) -> Result<Vec<ScrubView>> {
        let volume = &request.volume;
        let names = match &request.snapshot {
            Some(name) => vec![name.clone()],
            None => self.volumes.snapshot_list(volume)?.into_iter().map(|snapshot| snapshot.name).collect(),
        };
        let mut all = Vec::new();
        for name in names {
            match self.volumes.scrub(volume, &name, request.record, read) {
                Ok(found) => {
                    let view = shown(volume, found);
                    let damaged = view.damage.len().to_string();
                    self.emit_volume(volume, "scrub", &[("damaged", &damaged), ("snapshot", &name), ("status", view.status)]);
                    all.push(view);
                }
                // Removed since it was listed.
                Err(e) if request.snapshot.is_none() && e.kind() == Kind::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(all)
    }

    /// Bytes that a scrub will read, as far as they are known.
    #[must_use]
    pub fn volume_scrub_bytes(&self, request: &ScrubRequest) -> u64 {
        let all = self.volumes.snapshot_list(&request.volume).unwrap_or_default();
        all.iter().filter(|one| request.snapshot.as_ref().is_none_or(|name| *name == one.name)).filter_map(|one| one.bytes).sum()
    }
}

fn shown(volume: &str, found: Scrubbed) -> ScrubView {
    let damage: Vec<DamageView> = found
        .damage
        .into_iter()
        .map(|one| DamageView { path: String::from_utf8_lossy(&one.path).into_owned(), problem: one.problem })
        .collect();
    let status = match (damage.is_empty(), found.recorded) {
        (false, _) => "damaged",
        (true, true) => "recorded",
        (true, false) => "sound",
    };
    ScrubView {
        volume: volume.to_owned(),
        snapshot: found.snapshot.name,
        method: found.snapshot.method.as_str(),
        status,
        entries: found.entries,
        bytes: found.bytes,
        damage,
    }
}
