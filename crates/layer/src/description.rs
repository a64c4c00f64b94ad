//! `layer.json`: what is known of a layer besides its files.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stead_base::Digest;

use crate::tree::Moved;
use crate::{Error, Result};

/// Larger descriptions are not ours.
const LEN_MAX: u64 = 256 << 20;

/// The description of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// Format of this file and of the recipe: 1.
    pub(crate) version: u32,
    /// Digest of the uncompressed tar.
    pub(crate) diff_id: Digest,
    /// Bytes of its regular files.
    pub(crate) size: u64,
    /// Length of the uncompressed tar.
    pub(crate) tar_size: u64,
    /// Entries of the tar.
    pub(crate) entries: u64,
    /// Contents that later entries of the same tar replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) moved: Vec<Moved>,
}

impl Description {
    /// The name of the file in a layer's directory.
    pub(crate) const FILE: &'static str = "layer.json";
    /// The format written today.
    pub(crate) const VERSION: u32 = 1;

    /// Reads the description of the layer in `dir`.
    pub(crate) fn read(id: &Digest, dir: &Path) -> Result<Self> {
        let path = dir.join(Self::FILE);
        let damaged = |why: String| Error::Damaged { id: id.clone(), part: Self::FILE, why };
        let meta = std::fs::symlink_metadata(&path);
        if let Err(e) = &meta
            && e.kind() == std::io::ErrorKind::NotFound
            && !dir.exists()
        {
            return Err(Error::Missing(id.clone()));
        }
        let meta = meta.map_err(|e| damaged(e.to_string()))?;
        if !meta.is_file() || meta.len() > LEN_MAX {
            return Err(damaged("not a description".to_owned()));
        }
        let bytes = std::fs::read(&path).map_err(|e| damaged(e.to_string()))?;
        let description: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if description.version > Self::VERSION || description.diff_id != *id {
            return Err(damaged("written for another layer or by a newer version".to_owned()));
        }
        Ok(description)
    }
}
