//! Drivers: who makes a volume's content available. One visible list, one conformance suite.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::record::{LOCAL, Volume};
use crate::{Result, Volumes};

pub mod conformance;
mod local;

/// What a volume's content lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// The volume's own directory; always there.
    Directory,
    /// Something that is mounted on the directory while it is used, and keeps its content.
    Device,
    /// The same, and the content is gone when nobody uses it (tmpfs).
    Memory,
}

/// The life of a volume as a driver sees it: `check` before it is created; then any number of holders come (`mount`) and go
/// (`unmount`), the first and the last of which make a difference; when nobody holds it (`is_idle`) it may be removed.
///
/// Holders are container ids, a set: the same id twice is one holder, and a crash never leaves a wrong count.
pub trait Driver: std::fmt::Debug {
    /// The name people give with `--driver`.
    fn name(&self) -> &'static str;

    /// `local` or `global`, as Docker's API shows it.
    fn scope(&self) -> &'static str {
        "local"
    }

    /// Refuses options that can not be; touches nothing.
    ///
    /// # Errors
    /// Docker's text, with `create NAME: ` before it.
    fn check(&self, name: &str, options: &BTreeMap<String, String>) -> Result<()>;

    /// What the content lives on.
    ///
    /// # Errors
    /// Stored options that can not be read.
    fn storage(&self, volume: &Volume) -> Result<Storage>;

    /// Whether another machine or a process answers for the content: who only wants to tell something of it must not ask, because it may never answer.
    ///
    /// # Errors
    /// As [`Driver::storage`].
    fn is_remote(&self, _volume: &Volume) -> Result<bool> {
        Ok(false)
    }

    /// Where the content is while it is mounted.
    fn path(&self, volume: &Volume) -> PathBuf;

    /// Makes the content available for `holder`; idempotent.
    ///
    /// # Errors
    /// The device can not be mounted; `holder` is then none.
    fn mount(&self, volume: &Volume, holder: &str) -> Result<PathBuf>;

    /// `holder` needs it no longer; idempotent.
    ///
    /// # Errors
    /// The device is busy; the holder is gone nevertheless.
    fn unmount(&self, volume: &Volume, holder: &str) -> Result<()>;

    /// Whether nobody holds it.
    ///
    /// # Errors
    /// The ledger can not be read.
    fn is_idle(&self, volume: &Volume) -> Result<bool>;
}

/// The driver of that name.
#[must_use]
pub fn named<'a>(name: &str, volumes: &'a Volumes) -> Option<Box<dyn Driver + 'a>> {
    match name {
        LOCAL => Some(Box::new(local::Local { volumes })),
        _ => None,
    }
}
