//! Why a source, or a thing in it, cannot be read.

use std::path::PathBuf;

use stead_base::Kind;

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds nothing of that engine.
    #[error("{} holds no data root of {maker}: it has no {wanted}", path.display())]
    NoRoot {
        /// The directory.
        path: PathBuf,
        /// The engine.
        maker: &'static str,
        /// What would have to be there.
        wanted: &'static str,
    },
    /// The kernel refused.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// It is not what that engine writes.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// The file below the source.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A symbolic link lies where a file or directory should.
    #[error("{} is or passes a symbolic link, which is not followed", path.display())]
    Link {
        /// The path below the source.
        path: PathBuf,
    },
    /// A limit was passed.
    #[error("{}: more than {limit}", path.display())]
    Limit {
        /// The path below the source.
        path: PathBuf,
        /// The limit in words.
        limit: String,
    },
}

/// What this room returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoRoot { .. } => Kind::NotFound,
            Self::Sys(error) if error.io_kind() == std::io::ErrorKind::NotFound => Kind::NotFound,
            Self::Sys(_) => Kind::Internal,
            Self::Damaged { .. } | Self::Link { .. } | Self::Limit { .. } => Kind::Invalid,
        }
    }

    /// Whether the thing is simply not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Sys(error) if matches!(error.io_kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
    }
}

/// Names the file in a complaint about its content.
pub(crate) fn damaged(path: impl Into<PathBuf>, why: impl std::fmt::Display) -> Error {
    Error::Damaged { path: path.into(), why: why.to_string() }
}
