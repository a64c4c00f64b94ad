//! How carrying a tree fails. Texts are Docker's where Docker has one.

use std::io;

use stead_base::Kind;

/// The failures of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path asked for does not exist below the root. The engine adds the container's name.
    #[error("Could not find the file {path}")]
    NotFound {
        /// As the user gave it.
        path: String,
    },
    /// A path that ends in `/` or goes on after something that is no directory.
    #[error("lstat {path}: not a directory")]
    NoDirectory {
        /// As the user gave it.
        path: String,
    },
    /// Only a regular file has bytes to be shown.
    #[error("{path} is no regular file, but a {kind}")]
    NotAFile {
        /// As the user gave it.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// An archive can only be unpacked into a directory.
    #[error("extraction point is not a directory")]
    NotADirectory,
    /// The root file system may not be written.
    #[error("container rootfs is marked read-only")]
    RootReadOnly,
    /// The mount the path lies in may not be written.
    #[error("mounted volume is marked read-only")]
    VolumeReadOnly,
    /// A member that is not a directory meets a directory.
    #[error("cannot overwrite directory {path:?} with non-directory {with:?}")]
    DirectoryInTheWay {
        /// What exists.
        path: String,
        /// Docker names the extraction point here; kept for scripts that read the line.
        with: String,
    },
    /// A directory member meets something else.
    #[error("cannot overwrite non-directory {path:?} with directory {with:?}")]
    FileInTheWay {
        /// What exists.
        path: String,
        /// Docker names the extraction point here; kept for scripts that read the line.
        with: String,
    },
    /// A member's name climbs out of the directory it is unpacked into.
    #[error("{name:?} is outside of {into:?}")]
    Outside {
        /// The member's name.
        name: String,
        /// The extraction point.
        into: String,
    },
    /// A hard link to something that is not below the extraction point.
    #[error("invalid hardlink {name:?} -> {target:?}")]
    BadHardLink {
        /// The member's name.
        name: String,
        /// What it names.
        target: String,
    },
    /// Bytes that are no archive, or one that contradicts itself.
    #[error("invalid tar archive: {reason}")]
    Malformed {
        /// What is wrong, naming the member where there is one.
        reason: String,
    },
    /// One of the limits that keep a hostile archive from costing memory or time without end.
    #[error("archive refused: {what} exceeds the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A compression that only an external program could undo; none is ever run.
    #[error("{format}-compressed archives are not supported: decompress it first, e.g. `{tool} -dc FILE | stead cp - CONTAINER:PATH`")]
    Codec {
        /// `xz` or `bzip2`.
        format: &'static str,
        /// The program that undoes it.
        tool: &'static str,
    },
    /// `/proc`, `/sys` and their like hold no files that could be carried.
    #[error("cannot copy {path:?}: it is on a kernel file system")]
    KernelFileSystem {
        /// As the user gave it, or the member's path.
        path: String,
    },
    /// A tree nested beyond what any path name can reach.
    #[error("{path:?} is nested too deeply")]
    TooDeep {
        /// Where it was given up.
        path: String,
    },
    /// A user or group that the root does not know.
    #[error("unable to find {what} {name}: no matching entries in {file} file")]
    NoAccount {
        /// `user` or `group`.
        what: &'static str,
        /// As it was given.
        name: String,
        /// Where it was looked for.
        file: &'static str,
    },
    /// The incoming stream broke off or could not be decompressed.
    #[error("read archive: {0}")]
    Stream(#[source] io::Error),
    /// A path of the machine the command runs on cannot be used. The text is the client's.
    #[error("{text}")]
    Local {
        /// One line.
        text: String,
        /// Its kind.
        kind: Kind,
    },
    /// The kernel refused a step.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
}

/// Result of this room.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The universal kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::NotADirectory
            | Self::NotAFile { .. }
            | Self::NoDirectory { .. }
            | Self::DirectoryInTheWay { .. }
            | Self::FileInTheWay { .. }
            | Self::Outside { .. }
            | Self::BadHardLink { .. }
            | Self::Malformed { .. }
            | Self::Limit { .. }
            | Self::TooDeep { .. }
            | Self::NoAccount { .. }
            | Self::Stream(_) => Kind::Invalid,
            Self::RootReadOnly | Self::VolumeReadOnly => Kind::Invalid,
            Self::Codec { .. } => Kind::Unsupported,
            Self::KernelFileSystem { .. } => Kind::NotAllowed,
            Self::Local { kind, .. } => *kind,
            Self::Sys(error) => kind_of(error),
        }
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }
}

fn kind_of(error: &stead_sys::Error) -> Kind {
    match error.io_kind() {
        io::ErrorKind::NotFound => Kind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::NoSpace,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::NotAllowed,
        io::ErrorKind::ResourceBusy => Kind::InUse,
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidFilename => Kind::Invalid,
        _ => Kind::Internal,
    }
}
