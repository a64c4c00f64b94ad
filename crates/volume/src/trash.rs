//! What was removed waits here until a sweep has deleted it. A sweep may be killed at any time; the next one goes on.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use stead_base::layout::Root;
use stead_sys::lock::Lock;
use stead_sys::{durable, tree};

use crate::area::TRASH;
use crate::snapshot::shared::collect;
use crate::{Error, Result, staging};

/// Lock of the sweep at work, and of the one that waits for its turn. No volume and no unique name begins with a dot.
const LOCKS: [&str; 2] = [".sweeping", ".waiting"];

/// Moves `path` (a volume or a staging directory) into the trash of its area, durably: from then on it does not exist.
pub(crate) fn discard(area: &Path, path: &Path) -> Result<(), stead_sys::Error> {
    staging::make(&area.join(TRASH), 0o700)?;
    durable::rename_noreplace(path, &area.join(TRASH).join(durable::unique_name()?))
}

/// Whether anything waits to be deleted.
///
/// # Errors
/// The trash can not be read.
pub(crate) fn is_empty(area: &Path) -> Result<bool> {
    Ok(names(area)?.is_empty() && !collect::is_due(area))
}

/// Deletes what waits in the trash of an area: by descriptor, never through a symbolic link, never across a mount point. Returns how many things
/// were deleted. Several sweeps at once take turns; more than one waiting is pointless, so the third returns at once.
///
/// # Errors
/// The first thing that can not be deleted; the others are.
pub(crate) fn sweep(root: &Root, area: &Path) -> Result<u64> {
    if is_empty(area)? {
        return Ok(0);
    }
    if !stead_store::is_ours(root)? {
        return Err(Error::Foreign { root: root.path().to_path_buf() });
    }
    let trash = area.join(TRASH);
    staging::make(&trash, 0o700)?;
    let Some(waiting) = Lock::try_exclusive(&trash.join(LOCKS[1]))? else { return Ok(0) };
    let _sweeping = Lock::exclusive(&trash.join(LOCKS[0]))?;
    drop(waiting);
    let dir = File::open(&trash).map_err(|e| stead_sys::Error::new("open", &trash, e))?;
    collect::note(area)?;
    let mut deleted = 0;
    let mut failure = None;
    let mut stuck: Vec<String> = Vec::new();
    loop {
        let next: Vec<String> = names(area)?.into_iter().filter(|name| !stuck.contains(name)).collect();
        if next.is_empty() {
            break;
        }
        for name in next {
            match tree::remove_tree(&dir, OsStr::new(&name)) {
                Ok(()) => deleted += 1,
                Err(e) => {
                    failure.get_or_insert(e);
                    stuck.push(name);
                }
            }
        }
    }
    durable::sync_dir(&trash)?;
    collect::collect(area)?;
    failure.map_or(Ok(deleted), |e| Err(e.into()))
}

fn names(area: &Path) -> Result<Vec<String>> {
    let trash = area.join(TRASH);
    let listing = match std::fs::read_dir(&trash) {
        Ok(listing) => listing,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(stead_sys::Error::new("readdir", &trash, e).into()),
    };
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|e| stead_sys::Error::new("readdir", &trash, e))?;
        if let Ok(name) = entry.file_name().into_string()
            && !LOCKS.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    Ok(names)
}
