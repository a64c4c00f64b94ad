//! `diff`: what a container changed of its image's files.

use serde::Serialize;
use stead_layer::changes::{self, ChangeKind};
use stead_mount::Mount;

use super::plan::diff_ids;
use super::record::Container;
use crate::{Engine, Failure, Result};

/// One change, in the JSON of Docker's `GET /containers/{id}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// Path in the container.
    pub path: String,
    /// 0 changed, 1 added, 2 deleted.
    pub kind: u8,
}

impl Engine {
    /// What differs from the image, directories before what is in them. Volumes and other mounts are not part of it.
    ///
    /// # Errors
    /// No such container; the layers cannot be read.
    pub fn container_diff(&self, typed: &str) -> Result<Vec<Change>> {
        let container = self.container(typed)?;
        let found = self.layer_changes(&container)?;
        let shown = |change: &changes::Change| Change {
            path: format!("/{}", String::from_utf8_lossy(&change.path)),
            kind: match change.kind {
                ChangeKind::Modified => 0,
                ChangeKind::Added => 1,
                ChangeKind::Deleted => 2,
            },
        };
        Ok(found.iter().map(shown).collect())
    }

    /// The same as the layer room has it.
    pub(super) fn layer_changes(&self, container: &Container) -> Result<Vec<changes::Change>> {
        let lower = stead_layer::lower_dirs(&self.root, &diff_ids(container)?);
        let tree = stead_mount::prepare(&Mount::rootfs(lower, None, None))?;
        let image = tree.tree().ok_or_else(|| Failure::new(stead_base::Kind::Internal, "the image's tree could not be opened"))?;
        Ok(changes::changes(&self.root.container(&container.id).join("upper"), image)?)
    }
}
