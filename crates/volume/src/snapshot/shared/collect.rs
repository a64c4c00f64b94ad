//! Deleting objects that no snapshot has: those with one link, their own name.
//!
//! Nobody may make a snapshot meanwhile, because it may be about to link just that object. So the collection holds the lock exclusively that
//! every [`super::Session`] shares, and does not wait for it: a note stays, and the next sweep comes back.

use std::fs::File;
use std::path::Path;

use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use stead_sys::lock::Lock;
use stead_sys::tree::{entries, open_dir};
use stead_sys::{Error, Result};

use super::objects::{DIRECTORY, LOCK, NEW};

/// There while snapshots may have been deleted since the last collection.
const NOTE: &str = ".collect";

/// Notes that objects of the area may have become unused. Before the deletion of a snapshot, so that a crash forgets nothing.
pub(crate) fn note(area: &Path) -> Result<()> {
    let objects = area.join(DIRECTORY);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::open(objects.join(NOTE), flags, Mode::RUSR | Mode::WUSR) {
        // Without objects there is nothing to note.
        Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(e) => Err(Error::new("create", objects.join(NOTE), e)),
    }
}

/// Whether [`collect`] has something to do.
pub(crate) fn is_due(area: &Path) -> bool {
    fs::lstat(area.join(DIRECTORY).join(NOTE)).is_ok()
}

/// Deletes what no snapshot has. Returns how many objects; 0 as well when a snapshot is being made (the note stays then).
///
/// # Errors
/// The first object that can not be deleted; the others are.
pub(crate) fn collect(area: &Path) -> Result<u64> {
    let path = area.join(DIRECTORY);
    let Ok(dir) = File::open(&path) else { return Ok(0) };
    let Some(_nobody) = Lock::try_exclusive(&path.join(LOCK))? else { return Ok(0) };
    let mut deleted = 0;
    let mut failure = None;
    for shard in entries(&dir).map_err(|e| Error::new("readdir", &path, e))? {
        let name = shard.name.to_bytes();
        // What has no name yet is nobody's: whoever made it would share the lock.
        let all = name == NEW.as_bytes();
        if !all && name.len() != 2 {
            continue;
        }
        let Ok(shard) = open_dir(&dir, &shard.name) else { continue };
        for object in entries(&shard).map_err(|e| Error::new("readdir", &path, e))? {
            let unused = all || fs::statat(&shard, &*object.name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_nlink == 1);
            if !unused {
                continue;
            }
            match fs::unlinkat(&shard, &*object.name, AtFlags::empty()) {
                Ok(()) => deleted += 1,
                Err(Errno::NOENT) => {}
                Err(e) => {
                    failure.get_or_insert_with(|| Error::new("unlink", path.join(object.name.to_string_lossy().as_ref()), e));
                }
            }
        }
    }
    if let Some(e) = failure {
        return Err(e);
    }
    match fs::unlink(path.join(NOTE)) {
        Ok(()) | Err(Errno::NOENT) => Ok(deleted),
        Err(e) => Err(Error::new("unlink", path.join(NOTE), e)),
    }
}
