//! A database that can not be read is evidence, not rubbish: it is put aside under another name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use stead_base::layout::Root;
use stead_base::time::Time;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::Result;

/// Renames the database and its log to `stead.db.damaged-<unix time>` and the same with `-wal`, so that the next open starts a new one.
/// Returns the new name; `None` when there was no database. Nothing is deleted but SQLite's shared index, which is rebuilt anyway.
///
/// A process that still has the old file open goes on writing into the renamed one, so the caller holds off other commands.
///
/// # Errors
/// A rename failed.
pub fn set_aside(root: &Root) -> Result<Option<PathBuf>> {
    let _creation = creation_lock(root)?;
    let path = root.database();
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let aside = free_name(&path);
    durable::rename_noreplace(&path, &aside)?;
    // A crash here leaves a log without a database; the next creation puts it aside (see `orphan_log`).
    move_log(&path, &aside)?;
    Ok(Some(aside))
}

/// Held while the database comes into being or goes aside: a new database must never meet another one's log.
pub(crate) fn creation_lock(root: &Root) -> Result<Lock> {
    Ok(Lock::exclusive(&beside(&root.database(), "-lock"))?)
}

/// Puts aside a log whose database is gone; SQLite would replay it into the next one. Under the creation lock.
pub(crate) fn orphan_log(root: &Root) -> Result<()> {
    let path = root.database();
    move_log(&path, &free_name(&path))
}

fn move_log(path: &Path, aside: &Path) -> Result<()> {
    let log = beside(path, "-wal");
    if log.symlink_metadata().is_ok() {
        durable::rename_noreplace(&log, &beside(aside, "-wal"))?;
    }
    durable::remove_file(&beside(path, "-shm"))?;
    Ok(())
}

/// `path` with `suffix` at its end.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn free_name(path: &Path) -> PathBuf {
    let seconds = Time::now().seconds();
    let taken = |p: &Path| p.symlink_metadata().is_ok() || beside(p, "-wal").symlink_metadata().is_ok();
    let mut name = beside(path, &format!(".damaged-{seconds}"));
    let mut n = 1;
    while taken(&name) {
        n += 1;
        name = beside(path, &format!(".damaged-{seconds}-{n}"));
    }
    name
}
