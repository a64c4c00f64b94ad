//! What can go wrong with images, in Docker's words where Docker has them.

use std::io;
use std::path::PathBuf;

use stead_base::Kind;

use crate::{LayerFault, import, platform, reference, registry};

/// Why something could not be done to an image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reference is not one.
    #[error(transparent)]
    Reference(#[from] reference::Error),
    /// The platform is not one.
    #[error(transparent)]
    Platform(#[from] platform::Error),
    /// No image of that name or id.
    #[error("No such image: {0}")]
    NotFound(String),
    /// The image is there, for another machine.
    #[error("image with reference {reference} was found but does not provide the specified platform ({wanted}); it is for {have}")]
    OtherPlatform {
        /// As it was asked for.
        reference: String,
        /// The platform asked for.
        wanted: String,
        /// The platform it has.
        have: String,
    },
    /// Not removed because of this, see Docker's `conflict:` texts.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// A filter that cannot be used.
    #[error(transparent)]
    Filter(#[from] stead_base::filter::FilterError),
    /// An archive that is none of ours, with the reason.
    #[error("invalid archive: {0}")]
    Archive(String),
    /// A manifest, index or config that is refused, with the reason.
    #[error("invalid manifest: {0}")]
    Manifest(String),
    /// A `--change` that is refused.
    #[error(transparent)]
    Change(#[from] import::ChangeError),
    /// A push of something that is not here.
    #[error("{0}")]
    Push(String),
    /// An address that gives nothing to import.
    #[error("{0}")]
    Address(String),
    /// A term that cannot be searched for.
    #[error("{0}")]
    Search(String),
    /// A name that is nobody's to pull.
    #[error("'{0}' is a reserved name")]
    Reserved(String),
    /// `--all-tags` of one tag.
    #[error("tag can't be used with --all-tags/-a")]
    AllTags,
    /// Whoever wanted it has left.
    #[error("context canceled")]
    Cancelled,
    /// The target of a tag has a digest.
    #[error("refusing to create a tag with a digest reference")]
    TagWithDigest,
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The layers.
    #[error(transparent)]
    Layer(#[from] LayerFault),
    /// The records.
    #[error(transparent)]
    Store(#[from] stead_store::Error),
    /// The kernel, with the path.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// The stream that was given to us.
    #[error("{act}: {source}")]
    Stream {
        /// What was being done.
        act: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file below `images/` does not hold what its name says.
    #[error("{}: damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Docker's conflicts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Untagging would leave a used image without a name.
    #[error(
        "unable to remove repository reference \"{reference}\" (must force) - container {container} is using its referenced image {image}"
    )]
    LastReference {
        /// As the user wrote it.
        reference: String,
        /// Short container id.
        container: String,
        /// Short image id.
        image: String,
    },
    /// Not even with force.
    #[error("unable to delete {image} (cannot be forced) - image is being used by running container {container}")]
    Running {
        /// Short image id.
        image: String,
        /// Short container id.
        container: String,
    },
    /// With force only.
    #[error("unable to delete {image} (must be forced) - image is being used by stopped container {container}")]
    Stopped {
        /// Short image id.
        image: String,
        /// Short container id.
        container: String,
    },
    /// Not even with force.
    #[error("unable to delete {image} (cannot be forced) - image has dependent child images")]
    Children {
        /// Short image id.
        image: String,
    },
    /// With force only.
    #[error("unable to delete {image} (must be forced) - image is referenced in multiple repositories")]
    Repositories {
        /// Short image id.
        image: String,
    },
}

/// What this room returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Reference(_)
            | Self::Platform(_)
            | Self::Filter(_)
            | Self::Archive(_)
            | Self::Manifest(_)
            | Self::Change(_)
            | Self::AllTags
            | Self::Search(_)
            | Self::Address(_)
            | Self::TagWithDigest => Kind::Invalid,
            Self::NotFound(_) | Self::OtherPlatform { .. } | Self::Push(_) => Kind::NotFound,
            Self::Conflict(_) => Kind::Conflict,
            Self::Reserved(_) => Kind::NotAllowed,
            Self::Registry(error) => error.kind(),
            Self::Layer(fault) => fault.kind,
            Self::Store(error) => error.kind(),
            Self::Sys(error) if error.io_kind() == io::ErrorKind::StorageFull => Kind::NoSpace,
            Self::Stream { source, .. } if source.kind() == io::ErrorKind::StorageFull => Kind::NoSpace,
            Self::Stream { .. } => Kind::Invalid,
            Self::Sys(_) | Self::Damaged { .. } | Self::Cancelled => Kind::Internal,
        }
    }
}
