//! Snapshots of a volume: `snapshots/NAME/` in its directory, each with `snapshot.json`, `_data` and whatever its method keeps beside them.
//!
//! One is made in three steps, so that those who use the volume stand still only for the second: [`Volumes::snapshot_begin`] stages
//! everything that can be done before, [`Pending::take`] takes the state, [`Pending::publish`] flushes it and gives it its name by one rename.

pub(crate) mod content;
mod create;
mod diff;
mod group;
mod inspect;
mod links;
mod list;
pub(crate) mod manifest;
mod method;
mod note;
mod recover;
mod remove;
pub(crate) mod scan;
mod scrub;
pub(crate) mod shared;
mod side;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;

use crate::{Result, Volumes};

pub use create::{Pending, SnapshotRequest};
pub use diff::{DiffRequest, Difference, Happened};
pub use group::Group;
pub use method::Method;
pub use scrub::{Damage, Scrubbed};

pub(crate) use create::time_name;
pub(crate) use method::{duplicate, duplicate_content, fresh_data, open, restore, restore_into};

/// The directory in a volume's directory.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Who wanted a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Somebody asked for it. Only people remove it.
    #[default]
    Manual,
    /// A schedule, whose retention removes it.
    Schedule,
    /// A rollback, which keeps what was there before.
    BeforeRollback,
    /// A clone of a volume in use, which removes it when it is done.
    Clone,
    /// A reason of a later version.
    #[serde(other)]
    Unknown,
}

impl Why {
    /// As `snapshot ls` shows it and snapshot.json has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule => "schedule",
            Self::BeforeRollback => "before-rollback",
            Self::Clone => "clone",
            Self::Unknown => "unknown",
        }
    }
}

/// One snapshot: what `snapshot.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name, unique in its volume; also the name of its directory.
    pub name: String,
    /// 32 hexadecimal digits that no other snapshot ever has.
    pub uuid: String,
    /// The volume's uuid at that time.
    #[serde(default)]
    pub volume: String,
    /// The moment whose state it has.
    pub created_at: Time,
    /// How it was made, and how its content is had back.
    pub method: Method,
    /// Who wanted it.
    #[serde(default)]
    pub why: Why,
    /// The group of snapshots of the same instant that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Labels, as given at creation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Sum of the sizes of its files in bytes, as [`Volumes::usage`]; `None` until it was counted (a subvolume's snapshot does not look at files).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Names in it, of directories too; counted with the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

impl Volumes {
    /// Where the directory of a snapshot is, if the snapshot is there.
    #[must_use]
    pub fn snapshot_home(&self, volume: &str, snapshot: &str) -> PathBuf {
        self.home(volume).join(SNAPSHOTS).join(snapshot)
    }

    /// Where people find the content of a snapshot. Nothing may be written there: with [`Method::Shared`] its files are other snapshots' too.
    #[must_use]
    pub fn snapshot_path(&self, volume: &str, snapshot: &str) -> PathBuf {
        self.snapshot_home(volume, snapshot).join("_data")
    }

    /// How a snapshot of the volume would be made now.
    ///
    /// # Errors
    /// There is no such volume.
    pub fn snapshot_method(&self, volume: &str) -> Result<Method> {
        let volume = self.get(volume)?;
        // What is mounted may be dead, and whoever asks it waits for ever.
        if self.driver(&volume)?.is_remote(&volume)? {
            return Ok(Method::Shared);
        }
        Ok(method::look(&self.path(&volume.name), &self.home(&volume.name)))
    }
}
