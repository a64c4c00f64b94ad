//! What can go wrong with the records, and of which kind it is.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use stead_base::Kind;

/// What every function of this room returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One row that can not be believed. It disables the one thing it describes, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record of {kind} {} is damaged: {reason}", name.as_deref().unwrap_or(id))]
pub struct BadRecord {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Why it is not believed.
    pub reason: String,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite or the disk below it failed.
    #[error("{act} {}: {source}", path.display())]
    Database {
        /// What was being done.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk is full and even the reserve did not help.
    #[error("{act} {}: no space left on device", path.display())]
    NoSpace {
        /// What was being done.
        act: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Another process held the store for longer than the limit.
    #[error("{act} {}: another stead command has held the records for {seconds} seconds", path.display())]
    Busy {
        /// What was being done.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// The limit.
        seconds: u64,
    },
    /// The file is no database, or is torn.
    #[error("the records in {} are damaged ({reason}); `stead system check --repair` puts the file aside and rebuilds it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A later stead wrote this file.
    #[error("{} has format {found}, and this stead knows formats up to {known}; use the stead that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// One record can not be believed.
    #[error(transparent)]
    Bad(#[from] BadRecord),
    /// The name belongs to another record of the kind.
    #[error("the {kind} name \"{name}\" is already in use by {holder}")]
    NameTaken {
        /// The kind.
        kind: &'static str,
        /// The name.
        name: String,
        /// The id that has it.
        holder: String,
    },
    /// A value can not be written as JSON: a defect of the caller.
    #[error("the record of {kind} {id} can not be encoded: {source}")]
    Encode {
        /// The kind.
        kind: &'static str,
        /// The id.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// What the administrator has set is no JSON object.
    #[error("{} can not be understood: {reason}; correct it by hand, or move it away: then the defaults hold", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file operation around the database failed.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
}

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSpace { .. } => Kind::NoSpace,
            Self::Busy { .. } => Kind::Unavailable,
            Self::NameTaken { .. } => Kind::Conflict,
            Self::Newer { .. } => Kind::Unsupported,
            Self::Sys(e) if e.io_kind() == std::io::ErrorKind::StorageFull => Kind::NoSpace,
            Self::Database { .. } | Self::Damaged { .. } | Self::Config { .. } | Self::Bad(_) | Self::Encode { .. } | Self::Sys(_) => {
                Kind::Internal
            }
        }
    }
}

/// Limit of waiting for other processes.
pub(crate) const BUSY_SECONDS: u64 = 30;

/// Puts SQLite's answer into our terms.
pub(crate) fn database(act: &'static str, path: &Path, source: rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::NoSpace { act, path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { act, path, seconds: BUSY_SECONDS },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged { path, reason: source.to_string() },
        _ => Error::Database { act, path, source },
    }
}
