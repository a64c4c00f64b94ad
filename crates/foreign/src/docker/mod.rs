//! A data root of dockerd.

mod containers;
mod images;
mod volumes;

use std::path::{Path, PathBuf};

use crate::live;
use crate::survey::Survey;
use crate::{Error, Result};

/// dockerd keeps it open, and locked, for as long as it runs.
const VOLUME_DB: &str = "volumes/metadata.db";

pub(crate) fn look(survey: &mut Survey) -> Result<()> {
    let source = &survey.source;
    if !source.has_dir(Path::new("volumes")) && !source.has_dir(Path::new("image")) {
        return Err(Error::NoRoot { path: source.shown().to_path_buf(), maker: "Docker", wanted: "volumes and no image directory" });
    }
    if let Ok(stat) = source.stat(Path::new(VOLUME_DB)) {
        survey.users.extend(live::holders(&stat));
    }
    volumes::look(survey)?;
    let found = images::look(survey)?;
    containers::look(survey, found.as_ref())?;
    Ok(())
}

/// How a storage driver of Docker or Podman lays a layer's files out below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Driver {
    /// Its name.
    pub(crate) name: String,
    before: &'static str,
    after: &'static str,
    /// Whether a container's changes are kept as overlayfs wants them.
    pub(crate) overlays: bool,
}

impl Driver {
    /// The drivers whose layers are plain directories.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (before, after, overlays) = match name {
            "overlay2" => ("overlay2", "diff", true),
            "overlay" => ("overlay", "diff", true),
            "fuse-overlayfs" => ("fuse-overlayfs", "diff", false),
            "vfs" => ("vfs/dir", "", false),
            "btrfs" => ("btrfs/subvolumes", "", false),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), before, after, overlays })
    }

    /// The files of a layer. The id comes from a file of the source, so it may be anything.
    pub(crate) fn files(&self, id: &str) -> Option<PathBuf> {
        let is_name = !id.is_empty() && id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let dir = Path::new(self.before).join(id);
        is_name.then(|| if self.after.is_empty() { dir } else { dir.join(self.after) })
    }
}
