//! The shared method: every file of a snapshot is a hard link to an immutable object of the area, named by its content and metadata.

use std::os::fd::{AsFd, OwnedFd};

use stead_sys::copy::{self, CopyOptions};

use super::method::{Site, Stats, plain_data};

/// What the first pass found, for the second.
#[derive(Debug)]
pub(crate) struct Prepared;

/// The first pass, while the volume is written to: what changed since the last snapshot becomes objects.
pub(super) fn prepare(_site: &Site) -> Result<Prepared, stead_sys::Error> {
    Ok(Prepared)
}

/// The second pass, while its users stand still: everything is looked at again, and what changed meanwhile is copied.
pub(super) fn take(site: &Site, _prepared: Prepared) -> Result<Stats, stead_sys::Error> {
    let data = plain_data(&site.staged, &site.staged_path)?;
    Ok(copy::copy_tree(site.source.as_fd(), data.as_fd(), &CopyOptions::default())?.into())
}

/// Copies the content of a snapshot into the empty `data`: files of their own, hard links only where the source had them.
/// `snapshot` is the snapshot's directory, `content` its `_data`.
pub(super) fn restore(_snapshot: &OwnedFd, content: &OwnedFd, data: &OwnedFd) -> Result<(), stead_sys::Error> {
    copy::copy_tree(content.as_fd(), data.as_fd(), &CopyOptions::default()).map(drop)
}
