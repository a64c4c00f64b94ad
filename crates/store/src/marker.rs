//! `stead.json`: the mark of a root that is ours. Nothing is deleted below a directory without it.
//!
//! Podman's `system reset` emptied home directories that a setting had made its root (podman#18287); a root must prove itself.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};
use stead_base::layout::Root;
use stead_sys::durable;

use crate::{Error, Result};

/// The layout this program knows.
const FORMAT: i64 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    format: i64,
    uuid: String,
}

/// Whether the root carries a mark of a layout we know.
///
/// # Errors
/// [`Error::Newer`] for a later layout; the mark can not be read.
pub fn is_ours(root: &Root) -> Result<bool> {
    let path = root.marker();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(stead_sys::Error::new("read", &path, e).into()),
    };
    match serde_json::from_slice::<Marker>(&bytes) {
        Ok(marker) if marker.format > FORMAT => Err(Error::Newer { path, found: marker.format, known: FORMAT }),
        Ok(_) => Ok(true),
        Err(e) => Err(Error::Damaged { path, reason: e.to_string() }),
    }
}

/// The name of this root, which no other has; empty where the mark can not be read.
#[must_use]
pub fn identity(root: &Root) -> String {
    let marker = std::fs::read(root.marker()).ok().and_then(|bytes| serde_json::from_slice::<Marker>(&bytes).ok());
    marker.map(|marker| marker.uuid).unwrap_or_default()
}

/// Marks the root if it has no mark yet.
pub(crate) fn ensure(root: &Root) -> Result<()> {
    let path = root.marker();
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let marker = Marker { format: FORMAT, uuid: durable::unique_name()? };
    let bytes = serde_json::to_vec(&marker).map_err(|source| Error::Encode { kind: "marker", id: String::new(), source })?;
    match durable::write_new(&path, &bytes, 0o600) {
        Err(e) if e.io_kind() != ErrorKind::AlreadyExists => Err(e.into()),
        _ => Ok(()),
    }
}
