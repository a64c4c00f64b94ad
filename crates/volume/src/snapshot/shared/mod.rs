//! Snapshots where the file system can neither snapshot nor share extents (ext4, tmpfs, another device): every file is a hard link to an
//! object that is never changed, named by its content and attributes. An unchanged file costs a link, and is not read.
//!
//! Three passes. [`Session::prepare`] runs while the users run and copies what changed since the last snapshot. [`Session::take`] runs while
//! they are frozen: it looks at every file and copies only what changed since `prepare`. [`Session::finish`] runs when they are thawed:
//! it makes the tree of links beside the manifest. No live file is ever linked, so nothing its owner does reaches a snapshot.
//!
//! When is a file unchanged? When inode, size, mtime and ctime are as they were *and* that ctime was clearly past when the file was read:
//! the kernel's clock has steps, and a page that is mapped and dirty can be written again without moving any time. So everything is
//! flushed first (then the next write through a mapping faults and moves ctime), and only a ctime before that flush proves anything.
//!
//! A crash leaves objects that no snapshot has, and objects without a name; [`collect`] deletes both.

mod build;
pub(crate) mod collect;
pub(crate) mod objects;
mod session;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};

use stead_sys::Result;
use stead_sys::copy::{self, CopyOptions};

pub(crate) use session::Session;

use super::method::{self, Site, plain_data};
use session::Taken;

/// What the first pass knows, for the second.
#[derive(Debug)]
pub(crate) struct Prepared(Session);

/// What the second pass saw, for the third. Lives until the snapshot is published: its objects are kept so long.
#[derive(Debug)]
pub(crate) struct Unfinished {
    session: Session,
    taken: Option<Taken>,
}

/// The first pass, while the volume is written to: what changed since the last snapshot becomes objects.
pub(super) fn prepare(site: &Site) -> Result<Prepared> {
    let before = site.previous.as_ref().map(|previous| previous.join(super::manifest::FILE));
    let mut session = Session::new(&site.area, site.source.as_fd(), before.as_deref())?;
    session.prepare(site.source.as_fd())?;
    Ok(Prepared(session))
}

/// The second pass, while its users stand still: everything is looked at again, and what changed meanwhile is copied.
pub(super) fn take(site: &Site, prepared: Prepared) -> Result<Unfinished> {
    let mut session = prepared.0;
    let taken = Some(session.take(site.source.as_fd())?);
    Ok(Unfinished { session, taken })
}

impl Unfinished {
    /// The third pass: the tree of links and its manifest, durable.
    pub(super) fn finish(&mut self, site: &Site) -> Result<method::Stats> {
        let Some(taken) = self.taken.take() else { return Ok(method::Stats::default()) };
        let data = plain_data(&site.staged, &site.staged_path)?;
        let stats = self.session.finish(taken, site.staged.as_fd(), data.as_fd())?;
        Ok(method::Stats { bytes: Some(stats.bytes), entries: Some(stats.files + stats.directories) })
    }
}

/// Copies the content of a snapshot into the empty `data`: files of their own, hard links only where the source had them (within one snapshot
/// an object stands for one file, so that its further links are those the source had). `content` is the snapshot's `_data`.
pub(super) fn restore(_snapshot: &OwnedFd, content: &OwnedFd, data: &OwnedFd) -> Result<()> {
    copy::copy_tree(content.as_fd(), data.as_fd(), &CopyOptions::default()).map(drop)
}
