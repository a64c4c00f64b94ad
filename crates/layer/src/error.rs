//! What can go wrong with a layer.

use std::io;

use stead_base::{Digest, Kind};

/// Why a layer could not be unpacked, rebuilt or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The layer is not on this disk.
    #[error("layer does not exist: {0}")]
    Missing(Digest),
    /// The bytes are not the ones that were announced.
    #[error("wrong diff id calculated on extraction {found:?}, want {want:?}")]
    WrongDigest {
        /// What the manifest or config promised.
        want: Digest,
        /// What arrived.
        found: Digest,
    },
    /// An entry that is refused, with the reason.
    #[error("{}: {why}", name.escape_debug())]
    Entry {
        /// The entry's name as the archive has it, lossily decoded.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// A limit was passed.
    #[error("layer is refused: {0}")]
    Limit(&'static str),
    /// The stream ended early, is not a tar, or its compression is damaged.
    #[error("archive/tar: {0}")]
    Stream(#[source] io::Error),
    /// The kernel refused.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// The description next to the layer is damaged.
    #[error("layer {id}: damaged {part}: {why}")]
    Damaged {
        /// Which layer.
        id: Digest,
        /// Which of its files.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// What this room returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Missing(_) => Kind::NotFound,
            Self::WrongDigest { .. } | Self::Entry { .. } | Self::Limit(_) => Kind::Invalid,
            Self::Stream(source) => kind_of(source, Kind::Invalid),
            Self::Sys(error) => kind_of(&error.source, Kind::Internal),
            Self::Damaged { .. } => Kind::Internal,
        }
    }
}

fn kind_of(error: &io::Error, otherwise: Kind) -> Kind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::NoSpace,
        _ => otherwise,
    }
}
