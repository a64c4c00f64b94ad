//! Talking to registries (OCI distribution, Docker registry v2). Whatever a registry says is somebody else's word: sizes, digests,
//! addresses and documents are limited and checked before they are used.

mod access;
mod address;
mod auth;
mod blob;
mod client;
pub mod credentials;
mod fetch;
mod index;
mod keychain;
pub mod login;
mod upload;

use std::io;

use stead_base::Kind;

pub(crate) use access::host_of;
pub use access::{Access, AccessError, Login};
pub(crate) use blob::Blob;
pub(crate) use client::{Client, Purpose};
pub(crate) use index::search;

/// What a registry, or the way to it, answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None of the index's manifests suits.
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoPlatform(String),
    /// The repository has no such tag or digest.
    #[error("manifest for {0} not found: manifest unknown: manifest unknown")]
    Unknown(String),
    /// No such repository, or not for us.
    #[error("pull access denied for {0}, repository does not exist or may require 'docker login': {1}")]
    Denied(String, String),
    /// No such repository.
    #[error("repository {0} not found: {1}")]
    NoRepository(String, String),
    /// The registry wants a password and there is none.
    #[error("{0}no basic auth credentials")]
    NoCredentials(String),
    /// What a registry says to a push it does not want.
    #[error("{0}")]
    Refused(String),
    /// A login that the registry's token service does not take.
    #[error("Get {0:?}: {1}")]
    NoToken(String, String),
    /// A login that the registry does not take.
    #[error("login attempt to {url} failed with status: {status}")]
    Login {
        /// What was asked.
        url: String,
        /// Number and words of the answer.
        status: String,
    },
    /// An index that does not answer a search.
    #[error("Unexpected status code {0}")]
    Search(u16),
    /// A credential helper that cannot do it.
    #[error("error getting credentials - err: {0}")]
    Helper(String),
    /// Credentials are missing or wrong.
    #[error("Get {0:?}: {1}")]
    Unauthorized(String, String),
    /// Any other refusal.
    #[error("{url}: unexpected status {status}{detail}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the registry said, with a leading `: `.
        detail: String,
    },
    /// No answer.
    #[error("{method} {url:?}: {source}")]
    Transport {
        /// `Get`, `Put`, …
        method: String,
        /// What was asked for.
        url: String,
        /// Why there was none.
        #[source]
        source: io::Error,
    },
    /// Bytes that are not the ones asked for.
    #[error("filesystem layer verification failed for digest {0}")]
    LayerDigest(String),
    /// A document that is not the one asked for.
    #[error("manifest verification failed for digest {0}")]
    ManifestDigest(String),
    /// An address that is never followed.
    #[error("{0}: refusing to follow a redirect to this address")]
    Address(String),
    /// Something the protocol does not allow.
    #[error("{url}: {why}")]
    Protocol {
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        why: &'static str,
    },
}

/// What this module returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoPlatform(_) | Self::Unknown(_) | Self::Denied(..) | Self::NoRepository(..) => Kind::NotFound,
            Self::NoToken(..) | Self::Login { .. } | Self::Address(_) => Kind::NotAllowed,
            // Docker answers all of these as what they are to it: nobody's mistake it knows of.
            Self::Unauthorized(..) | Self::NoCredentials(_) | Self::Refused(_) | Self::Helper(_) => Kind::Unavailable,
            Self::Status { .. } | Self::Search(_) | Self::Transport { .. } => Kind::Unavailable,
            Self::LayerDigest(_) | Self::ManifestDigest(_) | Self::Protocol { .. } => Kind::Invalid,
        }
    }

    /// Whether trying again may help.
    pub(crate) fn passing(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            _ => false,
        }
    }
}
