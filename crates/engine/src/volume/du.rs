//! `volume du VOL[:PATH]`: how much lies in a volume, and where.

use std::path::Path;

use serde::Serialize;

use super::copy::in_volume;
use crate::{Engine, Result};

/// What one directory takes, everything below it included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsedView {
    /// Its path in the volume, from `/`.
    pub path: String,
    /// Bytes on the disk, hard links counted once.
    pub allocated: u64,
    /// Sum of the sizes of its regular files, hard links counted once.
    pub size: u64,
    /// Everything but directories.
    pub files: u64,
    /// Directories, itself included.
    pub directories: u64,
}

impl Engine {
    /// What a path of `VOL` or `VOL@SNAP` takes, first itself, then every directory at most `depth` below it by path.
    ///
    /// # Errors
    /// No such volume, snapshot or path; something cannot be read.
    pub fn volume_du(&self, reference: &str, path: &str, depth: usize) -> Result<Vec<UsedView>> {
        let held = self.hold_volume(reference)?;
        let used = stead_archive::usage(held.root(), Path::new(path), depth).map_err(|error| in_volume(error, reference))?;
        let top = Path::new("/").join(path.trim_matches('/'));
        let shown = |below: &Path| if below.as_os_str().is_empty() { top.clone() } else { top.join(below) };
        Ok(used
            .into_iter()
            .map(|one| UsedView {
                path: shown(&one.path).display().to_string(),
                allocated: one.allocated,
                size: one.size,
                files: one.files,
                directories: one.directories,
            })
            .collect())
    }
}
