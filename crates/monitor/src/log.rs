//! A container's output kept as Docker's `json-file` driver keeps it, and read back.
//!
//! One line of output is one JSON object and a newline; a line longer than 16 KiB is cut and its pieces but the last lack the `\n` inside `log`.
//! Nothing is fsynced: a log is not an acknowledgement, and a torn last line is skipped by every reader of ours.

mod options;

pub mod json;
pub mod read;
pub mod rotate;
pub mod split;

mod chain;
mod follow;

use std::path::PathBuf;

pub use options::{OptionError, Subject, options};
pub use read::{LogQuery, Reader, read};

/// One of the two streams of a container without a terminal; a terminal is all `Stdout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The word in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A failed step on a log file.
#[derive(Debug, thiserror::Error)]
#[error("{act} {}: {source}", path.display())]
pub struct Error {
    /// What was tried.
    pub act: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the kernel said.
    #[source]
    pub source: std::io::Error,
}

impl Error {
    pub(crate) fn new(act: &'static str, path: impl Into<PathBuf>, source: impl Into<std::io::Error>) -> Self {
        Self { act, path: path.into(), source: source.into() }
    }

    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> stead_base::Kind {
        match self.source.kind() {
            std::io::ErrorKind::NotFound => stead_base::Kind::NotFound,
            std::io::ErrorKind::StorageFull => stead_base::Kind::NoSpace,
            _ => stead_base::Kind::Internal,
        }
    }
}
