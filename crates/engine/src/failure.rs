//! How a verb fails: a universal kind, Docker's words, and what to do next.

use stead_base::Kind;

/// The failure of an engine verb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Decides exit code and HTTP status at the face.
    pub kind: Kind,
    /// One line, Docker's text where Docker has one.
    pub message: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// The exit code of `run` and `start` when the program itself could not be started: 126 or 127.
    pub exit_code: Option<i32>,
}

/// Result of an engine verb.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure in these words.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, exit_code: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `No such container: x`.
    #[must_use]
    pub fn no_container(name: &str) -> Self {
        Self::new(Kind::NotFound, format!("No such container: {name}"))
    }

    /// A wrong request.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }
}

/// Rooms keep their own error types; this turns each into a `Failure` by its kind and its text.
macro_rules! from_room {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.kind(), error.to_string())
            }
        })*
    };
}
pub(crate) use from_room;

from_room!(
    stead_monitor::log::OptionError,
    stead_mount::ApplyError,
    stead_mount::LowerError,
    stead_mount::SpecError,
    stead_mount::activate::ActivateError,
    stead_runtime::capability::CapabilityError,
);

impl From<stead_volume::Error> for Failure {
    fn from(error: stead_volume::Error) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        Self { hint, ..Self::new(kind, error.to_string()) }
    }
}

impl From<stead_network::Error> for Failure {
    fn from(error: stead_network::Error) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        Self { hint, ..Self::new(kind, error.to_string()) }
    }
}

impl From<stead_base::filter::FilterError> for Failure {
    fn from(error: stead_base::filter::FilterError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// The kernel's own answer: full disks have a kind, everything else is nobody's request.
impl From<stead_layer::writable::DiskError> for Failure {
    fn from(error: stead_layer::writable::DiskError) -> Self {
        let kind = if error.io_kind() == std::io::ErrorKind::StorageFull { Kind::NoSpace } else { Kind::Internal };
        Self::new(kind, error.to_string())
    }
}

/// A monitor that could not start the program says with which status `run` ends.
impl From<stead_monitor::Error> for Failure {
    fn from(error: stead_monitor::Error) -> Self {
        Self { exit_code: error.exit_code(), ..Self::new(error.kind(), error.to_string()) }
    }
}

impl From<stead_runtime::LaunchError> for Failure {
    fn from(error: stead_runtime::LaunchError) -> Self {
        Self { exit_code: Some(error.kind.exit_code()), ..Self::new(Kind::Invalid, error.message) }
    }
}
