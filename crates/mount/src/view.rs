//! What people see of a container's mounts: the entries of inspect's `.Mounts`, with Docker's field names and order.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::extra::{Extras, IdMapping};
use crate::parse::tmpfs::request_options;
use crate::point::{MountPoint, Propagation};
use crate::request::{MountRequest, MountType};

/// One entry of `.Mounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountView {
    /// Kind of mount.
    #[serde(rename = "Type")]
    pub kind: MountType,
    /// Volume name or image reference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host path; empty for tmpfs.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Driver of the volume.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Mode flags.
    pub mode: String,
    /// Whether the container may write.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Propagation; empty where there is none.
    pub propagation: Propagation,
    /// Our own: other owners than the disk has.
    #[serde(rename = "IDMapping", skip_serializing_if = "Option::is_none")]
    pub id_mapping: Option<IdMapping>,
    /// Our own: further words, as in `noexec`, `U`, `O`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// How a Linux container's mount point is shown.
pub fn linux(point: &MountPoint) -> MountView {
    MountView {
        kind: point.kind.clone(),
        name: point.name.clone(),
        source: point.source.clone(),
        destination: point.destination.clone(),
        driver: point.driver.clone(),
        mode: point.mode.clone(),
        rw: point.rw,
        propagation: point.propagation,
        id_mapping: point.spec.extras().and_then(|extras| extras.id_mapping.clone()),
        options: point.spec.extras().map(Extras::words).unwrap_or_default(),
    }
}

/// One entry of inspect's `.Mounts`, as JSON.
pub fn inspect(point: &MountPoint) -> serde_json::Value {
    // A struct of strings and bools always has a JSON form.
    serde_json::to_value(linux(point)).unwrap_or_default()
}

/// How a Windows container's mount point is shown: modes and propagation do not exist there.
pub fn windows(point: &MountPoint) -> MountView {
    MountView { mode: String::new(), propagation: Propagation::Unset, ..linux(point) }
}

/// The `Tmpfs` of a container as the command line shows it: both ways of asking for one, `{"/app": ""}`.
/// The record keeps what was asked; posting this view back would ask twice.
pub fn tmpfs(tmpfs: &BTreeMap<String, String>, mounts: &[MountRequest]) -> BTreeMap<String, String> {
    let mut shown = tmpfs.clone();
    for request in mounts.iter().filter(|request| request.kind == MountType::Tmpfs) {
        let options = request_options(request.tmpfs_options.as_ref(), request.read_only).unwrap_or_default();
        shown.entry(request.target.clone()).or_insert(options);
    }
    shown
}

#[cfg(test)]
#[path = "view/tests.rs"]
mod tests;
