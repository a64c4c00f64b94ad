//! What can go wrong with networks, in Docker's words where it has some.

use stead_base::Kind;

/// What every function of this room returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of a network verb.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be honoured as things are.
    #[error("{why}")]
    Refused {
        /// The universal kind.
        kind: Kind,
        /// Docker's sentence.
        why: String,
    },
    /// A program of the host that is needed is not installed.
    #[error("{needed_for} needs {program}, which is not installed on this host")]
    Missing {
        /// Its name.
        program: &'static str,
        /// What for.
        needed_for: String,
        /// Debian's package.
        package: &'static str,
    },
    /// A program of the host failed.
    #[error("{program}: {why}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it said.
        why: String,
    },
    /// The kernel or its configuration lacks something.
    #[error("{what}: {source}")]
    Kernel {
        /// What was wanted.
        what: String,
        /// What it answered.
        #[source]
        source: stead_sys::Error,
    },
    /// A system call failed.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// The records could not be read or written.
    #[error(transparent)]
    Store(#[from] stead_store::Error),
}

impl Error {
    /// A refusal.
    #[must_use]
    pub fn refused(kind: Kind, why: impl Into<String>) -> Self {
        Self::Refused { kind, why: why.into() }
    }

    /// A wrong request.
    #[must_use]
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::refused(Kind::Invalid, why)
    }

    /// `network x not found`.
    #[must_use]
    pub fn not_found(name: &str) -> Self {
        Self::refused(Kind::NotFound, format!("network {name} not found"))
    }

    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused { kind, .. } => *kind,
            Self::Missing { .. } => Kind::Unsupported,
            Self::Kernel { .. } => Kind::Unsupported,
            Self::Program { .. } | Self::Sys(_) => Kind::Internal,
            Self::Store(error) => error.kind(),
        }
    }

    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { package, .. } => {
                Some(format!("install it (Debian: apt-get install {package}), or use --network none or --network host"))
            }
            Self::Kernel { .. } => Some("--network none and --network host need nothing of this".to_owned()),
            _ => None,
        }
    }

    /// Whether this host cannot have bridges at all, whatever is asked: something is not installed, not permitted or not in the kernel.
    #[must_use]
    pub fn is_lack(&self) -> bool {
        let cannot = |error: &stead_sys::Error| {
            matches!(error.errno(), Some(libc_errno::EPERM | libc_errno::EACCES | libc_errno::EOPNOTSUPP | libc_errno::EAFNOSUPPORT))
        };
        match self {
            Self::Missing { .. } => true,
            Self::Kernel { source, .. } | Self::Sys(source) => cannot(source),
            // What nft says on kernels without its subsystem, and without the right to use it.
            Self::Program { why, .. } => {
                ["not supported", "not permitted", "cache initialization failed"].iter().any(|text| why.contains(text))
            }
            Self::Refused { .. } | Self::Store(_) => false,
        }
    }
}

/// Linux's numbers of the refusals that mean "not here".
mod libc_errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const EACCES: i32 = 13;
    pub(super) const EOPNOTSUPP: i32 = 95;
    pub(super) const EAFNOSUPPORT: i32 = 97;
}
