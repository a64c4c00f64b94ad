//! The ledger of what is mounted on the host: one small file per activation, written before the mount is made.
//!
//! A record names the mount by its id in this boot and this mount namespace, so that clean-up can never hit a mount of somebody
//! else. Who uses an activation is a set of container ids, not a counter: asking twice, or crashing between, changes nothing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stead_base::Kind;
use stead_base::layout::RunRoot;
use stead_sys::lock::Lock;
use stead_sys::mountinfo::Entry;
use stead_sys::{durable, mountinfo};

use crate::value::Mount;

/// A ledger that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A system call failed.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// A record that is no record.
    #[error("activation record {}: {reason}", path.display())]
    Unreadable {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that could leave the ledger's directory.
    #[error("invalid activation key '{0}'")]
    Key(String),
}

impl LedgerError {
    /// The broad kind of the failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Key(_) => Kind::Invalid,
            Self::Sys(error) if error.io_kind() == ErrorKind::StorageFull => Kind::NoSpace,
            Self::Sys(_) | Self::Unreadable { .. } => Kind::Internal,
        }
    }
}

/// One activation: a mount on the host and who needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Version of this format; formats only grow.
    pub format: u32,
    /// Name of the record.
    pub key: String,
    /// What is mounted.
    pub mount: Mount,
    /// On which directory of the host.
    pub on: PathBuf,
    /// Containers (or commands) that need it.
    pub holders: BTreeSet<String>,
    /// The mount, once it was made; none means that somebody was about to make it.
    pub made: Option<Made>,
}

/// Names a mount beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Id in `/proc/self/mountinfo`.
    pub mount_id: u64,
    /// The boot in which the id was given.
    pub boot: String,
    /// The mount namespace in which it was given.
    pub namespace: String,
}

/// The format that is written.
const FORMAT: u32 = 1;

/// Who we are: ids of mounts mean something only in this boot and this namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Here {
    boot: String,
    namespace: String,
}

impl Here {
    pub(crate) fn look() -> Result<Self, LedgerError> {
        let boot_file = "/proc/sys/kernel/random/boot_id";
        let boot = std::fs::read_to_string(boot_file).map_err(|e| stead_sys::Error::new("read", boot_file, e))?;
        let link = "/proc/thread-self/ns/mnt";
        let namespace = std::fs::read_link(link).map_err(|e| stead_sys::Error::new("readlink", link, e))?;
        Ok(Self { boot: boot.trim().to_owned(), namespace: namespace.display().to_string() })
    }

    pub(crate) fn made(&self, mount_id: u64) -> Made {
        Made { mount_id, boot: self.boot.clone(), namespace: self.namespace.clone() }
    }

    /// Whether a mount of another boot is meant: such a mount cannot exist any more.
    pub(crate) fn is_other_boot(&self, made: &Made) -> bool {
        made.boot != self.boot
    }

    /// Whether the id can be looked up from here.
    pub(crate) fn can_see(&self, made: &Made) -> bool {
        made.boot == self.boot && made.namespace == self.namespace
    }
}

impl Activation {
    pub(crate) fn new(key: &str, mount: &Mount, on: &Path) -> Self {
        Self { format: FORMAT, key: key.to_owned(), mount: mount.clone(), on: on.to_path_buf(), holders: BTreeSet::new(), made: None }
    }

    /// The mount in the table, if it is there, on its directory, and ours.
    pub(crate) fn find<'t>(&self, table: &'t [Entry], here: &Here) -> Option<&'t Entry> {
        let made = self.made.as_ref().filter(|made| here.can_see(made))?;
        table.iter().find(|entry| entry.id == made.mount_id && entry.mount_point == self.on)
    }
}

/// The directory of records, and the lock of each.
#[derive(Debug, Clone)]
pub struct Ledger {
    records: PathBuf,
    locks: PathBuf,
}

/// Keeps other processes away from one record; ends when dropped.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    _lock: Lock,
}

impl Ledger {
    /// The ledger below a run root.
    pub fn new(run_root: &RunRoot) -> Self {
        Self { records: run_root.path().join("mounts"), locks: run_root.path().join("locks") }
    }

    /// Takes one record for this process alone, waiting for others.
    ///
    /// # Errors
    /// A key that is no file name, or the system's.
    pub fn lock(&self, key: &str) -> Result<Locked, LedgerError> {
        if key.is_empty() || key.starts_with('.') || key.len() > KEY_BYTES_MAX || key.contains(['/', '\0']) {
            return Err(LedgerError::Key(key.to_owned()));
        }
        durable::create_dir_all(&self.records, 0o711)?;
        durable::create_dir_all(&self.locks, 0o711)?;
        let lock = Lock::exclusive(&self.locks.join(format!("mount-{key}.lock")))?;
        Ok(Locked { path: self.records.join(format!("{key}.json")), _lock: lock })
    }

    /// The keys of all records, also of those that cannot be read.
    ///
    /// # Errors
    /// The system's; a missing directory is an empty ledger.
    pub fn keys(&self) -> Result<Vec<String>, LedgerError> {
        let fail = |e| stead_sys::Error::new("read directory", &self.records, e);
        let entries = match std::fs::read_dir(&self.records) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(fail)?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            if let Some(key) = name.to_str().and_then(|name| name.strip_suffix(".json"))
                && !key.starts_with('.')
            {
                keys.push(key.to_owned());
            }
        }
        keys.sort();
        Ok(keys)
    }
}

/// The longest key: with suffixes it stays a legal file name.
const KEY_BYTES_MAX: usize = 240;

impl Locked {
    /// Reads the record, if there is one.
    ///
    /// # Errors
    /// The system's, or a record that is no record.
    pub fn read(&self) -> Result<Option<Activation>, LedgerError> {
        let unreadable = |reason: String| LedgerError::Unreadable { path: self.path.clone(), reason };
        let bytes = match std::fs::read(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|e| stead_sys::Error::new("read", &self.path, e))?,
        };
        let activation: Activation = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
        if activation.format > FORMAT {
            return Err(unreadable(format!("format {} is newer than this stead", activation.format)));
        }
        Ok(Some(activation))
    }

    /// Writes the record; it survives a power cut from here on.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, activation: &Activation) -> Result<(), LedgerError> {
        let bytes =
            serde_json::to_vec(activation).map_err(|e| LedgerError::Unreadable { path: self.path.clone(), reason: e.to_string() })?;
        Ok(durable::replace_file(&self.path, &bytes, 0o600)?)
    }

    /// Removes the record.
    ///
    /// # Errors
    /// The system's; a missing record is fine.
    pub fn remove(&self) -> Result<(), LedgerError> {
        match durable::remove_file(&self.path) {
            Err(e) if e.io_kind() == ErrorKind::NotFound => Ok(()),
            done => Ok(done?),
        }
    }
}

/// The mount table as this process sees it.
pub(crate) fn table() -> Result<Vec<Entry>, LedgerError> {
    Ok(mountinfo::read()?)
}
