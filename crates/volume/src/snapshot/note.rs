//! `snapshot.json`: what a snapshot says of itself. Where it is missing or damaged, the directory says enough to go on.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_sys::{btrfs, durable};

use super::method::{self, Method};
use super::{Snapshot, Why};
use crate::error::disk;
use crate::{Error, Result};

/// The file.
pub(crate) const NOTE: &str = "snapshot.json";
/// The form of the file that this code writes.
const VERSION: u32 = 1;
/// Far above what the labels of one snapshot can sensibly take.
const LENGTH_MAX: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Note<S> {
    version: u32,
    #[serde(flatten)]
    snapshot: S,
}

#[derive(Deserialize)]
struct Form {
    version: u32,
}

/// What was found in a snapshot's directory.
#[derive(Debug)]
pub(crate) enum Found {
    /// A note we believe.
    Noted(Snapshot),
    /// No good note, and why; what the directory itself tells.
    Guessed(Snapshot, String),
    /// No snapshot.
    Nothing,
}

/// Looks at the directory `home` of the snapshot `name`.
pub(crate) fn look(home: &Path, name: &str) -> Found {
    let reason = match read(home) {
        Ok(snapshot) => return Found::Noted(Snapshot { name: name.to_owned(), ..snapshot }),
        Err(reason) => reason,
    };
    match guess(home, name) {
        Some(snapshot) => Found::Guessed(snapshot, reason),
        None => Found::Nothing,
    }
}

fn read(home: &Path) -> Result<Snapshot, String> {
    let file = std::fs::File::open(home.join(NOTE))
        .map_err(|e| if e.kind() == ErrorKind::NotFound { "is missing".to_owned() } else { e.to_string() })?;
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX).read_to_end(&mut bytes).map_err(|e| format!("can not be read: {e}"))?;
    let form: Form = serde_json::from_slice(&bytes).map_err(|e| format!("is damaged: {e}"))?;
    if form.version > VERSION {
        return Err(format!("has version {}, and this stead knows versions up to {VERSION}", form.version));
    }
    serde_json::from_slice(&bytes).map_err(|e| format!("is damaged: {e}"))
}

fn guess(home: &Path, name: &str) -> Option<Snapshot> {
    let data = method::open(&home.join("_data")).ok()?;
    let found = home.symlink_metadata().ok()?;
    let method = if btrfs::is_subvolume(&data) && btrfs::is_read_only(&data).unwrap_or(false) {
        Method::Subvolume
    } else if home.join("manifest").exists() {
        Method::Shared
    } else {
        Method::Reflink
    };
    Some(Snapshot {
        name: name.to_owned(),
        uuid: format!("{:016x}{:016x}", found.dev(), found.ino()),
        volume: String::new(),
        created_at: Time::from_nanos(i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec())),
        method,
        why: Why::Manual,
        group: None,
        labels: Default::default(),
        bytes: None,
        entries: None,
    })
}

/// Writes the note into `home`, durably.
pub(crate) fn write(home: &Path, snapshot: &Snapshot) -> Result<()> {
    let note = Note { version: VERSION, snapshot };
    let mut bytes = serde_json::to_vec_pretty(&note)
        .map_err(|source| Error::Store(stead_store::Error::Encode { kind: "snapshot", id: snapshot.name.clone(), source }))?;
    bytes.push(b'\n');
    durable::replace_file(&home.join(NOTE), &bytes, 0o600).map_err(disk("snapshot", &snapshot.name))
}
