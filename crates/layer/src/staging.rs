//! A directory in `layers/.staging`: everything is made there, and one rename makes it a layer. Dropped without that, it is removed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags};
use rustix::rand::{GetRandomFlags, getrandom};
use stead_base::ids;
use stead_base::layout::Root;

use crate::Result;

/// One directory being prepared.
#[derive(Debug)]
pub(crate) struct Staging {
    parent: PathBuf,
    name: OsString,
}

impl Staging {
    /// Makes it, and its parents on first use.
    pub(crate) fn new(root: &Root) -> Result<Self> {
        let staging = Self { parent: root.layers_staging(), name: random_name()?.into() };
        match stead_sys::durable::make_dir(&staging.path(), 0o700) {
            Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => {
                make_parents(root)?;
                stead_sys::durable::make_dir(&staging.path(), 0o700)?;
            }
            other => other?,
        }
        Ok(staging)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Makes it a layer. One that is there already wins, its bytes are the same, unless `broken` says that it is damaged: then it is
    /// replaced in one step.
    pub(crate) fn publish(self, to: &Path, broken: impl FnOnce() -> bool) -> Result<()> {
        match stead_sys::durable::rename_noreplace(&self.path(), to) {
            Ok(()) => {
                std::mem::forget(self);
                Ok(())
            }
            Err(e) if to.exists() && matches!(e.io_kind(), std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::DirectoryNotEmpty) => {
                if broken() {
                    stead_sys::durable::rename_exchange(&self.path(), to)?;
                }
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Best effort: the error that brought us here is the one to report, and `recover` removes the rest.
        sweep(&self.parent, &self.name).ok();
    }
}

/// The room's directories: others may pass through (the overlay mounts name paths below), nobody may list.
pub(crate) fn make_parents(root: &Root) -> Result<()> {
    stead_sys::durable::create_dir_all(&root.layers(), 0o700)?;
    for dir in [root.layers_staging(), root.layers_trash()] {
        stead_sys::durable::create_dir_all(&dir, 0o700)?;
    }
    Ok(())
}

/// Removes one name in `.staging` or `.trash`.
pub(crate) fn sweep(parent: &Path, name: &std::ffi::OsStr) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = fs::open(parent, flags, Mode::empty()).map_err(|e| stead_sys::Error::new("open", parent, e))?;
    Ok(stead_sys::tree::remove_tree(&dir, name)?)
}

/// A name nobody can guess and nobody else has.
pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom(&mut bytes[..], GetRandomFlags::empty()).map_err(|e| stead_sys::Error::new("getrandom", "", e))?;
    Ok(ids::hex(&bytes))
}
