//! A database that can not be read is evidence, not rubbish: it is put aside under another name.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stead_base::layout::Root;
use stead_base::time::Time;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::salvage::{self, Salvaged};
use crate::{Result, Tx, open};

/// What [`rebuild`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Where the damaged file is now.
    pub aside: PathBuf,
    /// What was taken over from it.
    pub salvaged: Salvaged,
}

/// Puts the damaged database and its log aside as `stead.db.damaged-<unix time>` (and the same with `-wal`), and publishes a new one
/// with every record of it that can be believed. `mend` completes it before anybody sees it: the index of who uses what may be torn
/// where the records are not, so it calls [`Tx::reindex`] for every kind that uses others. `None` when there is no database. Nothing is deleted but SQLite's shared index.
///
/// Other commands wait meanwhile. Interrupted, it leaves a root whose records can not be opened (an empty database would call every volume
/// unused), and the next call goes on.
///
/// A process that had the damaged file open before goes on writing into the renamed one.
///
/// # Errors
/// The disk's.
pub fn rebuild(root: &Root, mend: impl FnOnce(&Tx<'_>) -> Result<()>) -> Result<Option<Rebuilt>> {
    let _creation = creation_lock(root)?;
    name_evidence(root)?;
    let path = root.database();
    let old = at_work(root);
    if !is_there(&old)? {
        if !is_there(&path)? {
            return Ok(None);
        }
        durable::rename_noreplace(&path, &old)?;
    }
    move_log(&path, &old)?;
    let mut salvaged = Salvaged::default();
    open::publish_new(root, |new| {
        salvaged = salvage::take_over(&old, new)?;
        mend(new)
    })?;
    Ok(put_away(root)?.map(|aside| Rebuilt { aside, salvaged }))
}

/// Gives a damaged database its last name, if a rebuild was interrupted between publishing the new one and doing that. Returns the name.
///
/// # Errors
/// The disk's.
pub fn finish_rebuild(root: &Root) -> Result<Option<PathBuf>> {
    if !is_there(&at_work(root))? {
        return Ok(None);
    }
    let _creation = creation_lock(root)?;
    name_evidence(root)
}

fn name_evidence(root: &Root) -> Result<Option<PathBuf>> {
    if is_there(&root.database())? { put_away(root) } else { Ok(None) }
}

/// Whether a rebuild was interrupted before it had published the new database.
pub(crate) fn is_half_rebuilt(root: &Root) -> Result<bool> {
    Ok(is_there(&at_work(root))? && !is_there(&root.database())?)
}

/// Whether there is something. A disk that does not answer is no answer: taken for "nothing", the log of a living database would be put
/// aside, or left beside another one.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(stead_sys::Error::new("stat", path, e).into()),
    }
}

fn put_away(root: &Root) -> Result<Option<PathBuf>> {
    let old = at_work(root);
    if !is_there(&old)? {
        return Ok(None);
    }
    let aside = free_name(&root.database());
    move_log(&old, &aside)?;
    durable::rename_noreplace(&old, &aside)?;
    Ok(Some(aside))
}

/// The damaged database while it is being read.
fn at_work(root: &Root) -> PathBuf {
    beside(&root.database(), "-rebuilding")
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
    if is_there(&log)? {
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
