//! `volume diff`: what is different between a snapshot and the present, or another snapshot.

use serde::Serialize;
use stead_volume::{Difference, Happened};

use crate::{Engine, Failure, Result};

pub use stead_volume::DiffRequest;

/// One difference. `Path` and `Kind` are as in Docker's `GET /containers/{id}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeChange {
    /// From the root of the volume, which is `/`.
    pub path: String,
    /// 0 changed, 1 added, 2 deleted.
    pub kind: u8,
    /// `file`, `directory`, `symlink`, `fifo`, `socket`, `block` or `character`.
    pub r#type: &'static str,
    /// What of it changed: any of `kind`, `content`, `mode`, `owner`, `mtime`, `device`, `target`, `xattrs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<&'static str>,
    /// Bytes of a file before; 0 where it was not there.
    pub size_before: u64,
    /// Bytes of a file after; 0 where it is not there.
    pub size_after: u64,
    /// The path's bytes, where it is no text.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

impl Engine {
    /// Tells every difference as it is found, directories before what is in them. What inode numbers, times or a manifest prove to be the same is not read.
    ///
    /// # Errors
    /// No such volume or snapshot; a tree cannot be read; `tell` fails.
    pub fn volume_diff(&self, request: &DiffRequest, tell: &mut dyn FnMut(VolumeChange) -> Result<()>) -> Result<()> {
        self.volumes.diff::<Failure>(request, &mut |difference| tell(shown(difference)))
    }
}

fn shown(difference: Difference) -> VolumeChange {
    VolumeChange {
        path: String::from_utf8_lossy(&difference.path).into_owned(),
        kind: match difference.happened {
            Happened::Changed => 0,
            Happened::Added => 1,
            Happened::Deleted => 2,
        },
        r#type: difference.kind,
        what: difference.what,
        size_before: difference.size.0,
        size_after: difference.size.1,
        raw: difference.path,
    }
}
