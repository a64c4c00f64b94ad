//! Directories being prepared below an area's `.staging`, and the lock that tells living ones from litter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stead_base::layout::RunRoot;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::area::{self, STAGING};
use crate::{Result, trash};

/// A staging directory of this command. Dropped unpublished, it goes to the trash.
#[derive(Debug)]
pub(crate) struct Staging {
    area: PathBuf,
    path: Option<PathBuf>,
    living: Option<Lock>,
}

impl Staging {
    /// Makes one in an area. Any number of commands may have one at a time.
    pub(crate) fn new(area: &Path, run_root: &RunRoot) -> Result<Self> {
        area::make(area)?;
        let living = Lock::shared(&lock_path(run_root)?)?;
        let path = area.join(STAGING).join(durable::unique_name()?);
        durable::make_dir(&path, 0o711)?;
        Ok(Self { area: area.to_path_buf(), path: Some(path), living: Some(living) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Lets go of it as it is: what is in it now is somebody's, and no longer litter of this command. While the answer lives, nobody takes it for
    /// litter either.
    pub(crate) fn leave(mut self) -> Option<Lock> {
        self.path = None;
        self.living.take()
    }

    /// Publishes it under a volume's name in its area.
    pub(crate) fn publish_as(self, name: &str) -> Result<(), stead_sys::Error> {
        let to = self.area.join(name);
        self.publish(&to)
    }

    /// Publishes it: durably renamed to `to`, where nothing may be. Its content must be durable before.
    pub(crate) fn publish(mut self, to: &Path) -> Result<(), stead_sys::Error> {
        durable::rename_noreplace(self.path(), to)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // What can not even be renamed now is found by the next repair.
            trash::discard(&self.area, &path).ok();
        }
    }
}

/// Staging directories that no living command has; empty while any command works (they can not be told apart then).
pub(crate) fn litter(area: &Path, run_root: &RunRoot) -> Result<(Vec<PathBuf>, Option<Lock>)> {
    let Some(nobody) = nobody(run_root)? else { return Ok((Vec::new(), None)) };
    Ok((ours(area), Some(nobody)))
}

/// What has a name that only we give; whatever else lies there is somebody's.
fn ours(area: &Path) -> Vec<PathBuf> {
    let is_ours = |name: &std::ffi::OsStr| name.len() == 32 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit);
    let listed = std::fs::read_dir(area.join(STAGING)).into_iter().flatten().flatten();
    listed.filter(|entry| is_ours(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// Whether something is staged and nobody lives who does that.
pub(crate) fn is_stale(area: &Path, run_root: &RunRoot) -> bool {
    !ours(area).is_empty() && lock_path(run_root).is_ok_and(|path| matches!(Lock::try_exclusive(&path), Ok(Some(_))))
}

/// Held, nobody begins to stage anything; `None` while somebody does.
pub(crate) fn nobody(run_root: &RunRoot) -> Result<Option<Lock>> {
    Ok(Lock::exclusive_within(&lock_path(run_root)?, Duration::from_millis(200))?)
}

fn lock_path(run_root: &RunRoot) -> Result<PathBuf> {
    make(&run_root.locks(), 0o711)?;
    Ok(run_root.locks().join("volumes-staging"))
}

/// Makes a directory of the layout if it is missing.
pub(crate) fn make(path: &Path, mode: u32) -> Result<(), stead_sys::Error> {
    if path.is_dir() { Ok(()) } else { durable::create_dir_all(path, mode) }
}
