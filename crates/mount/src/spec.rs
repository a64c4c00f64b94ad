//! What the engine refuses in a mount specification, in Docker's words. Shared by every grammar and by the merge.

use stead_base::Kind;

use crate::gotext::quote;
use crate::guard::Forbidden;
use crate::request::MountType;

/// A mount specification that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A `-v` string that does not have the shape of one.
    #[error("invalid volume specification: '{0}'")]
    Shape(String),
    /// A `-v` string whose parts are wrong.
    #[error("invalid volume specification: '{raw}': {fault}")]
    Part {
        /// The string as it was given.
        raw: String,
        /// What is wrong with it.
        fault: ConfigError,
    },
    /// Mode flags that are unknown, doubled or not allowed here.
    #[error("invalid mode: {0}")]
    InvalidMode(String),
    /// A request whose fields are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A path or name that no mount can have, outside any mount (`--tmpfs`, Windows names).
    #[error("{0}")]
    Fault(Fault),
    /// `--volumes-from ""`.
    #[error("volumes-from specification cannot be an empty string")]
    EmptyVolumesFrom,
    /// A target that belongs to the kernel or the runtime.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Two mounts that were both asked for at one path.
    #[error("Duplicate mount point: {0}")]
    Duplicate(String),
    /// A bind of the engine's own directory that could pin its mounts.
    #[error(
        "invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root, daemon root: {}, bind mount source: {}, propagation: {}",
        quote(.root), quote(.source_path), quote(.propagation)
    )]
    DataRoot {
        /// The engine's root.
        root: String,
        /// The source of the bind.
        source_path: String,
        /// The propagation that was asked for.
        propagation: String,
    },
}

impl SpecError {
    /// Every one of them is a wrong request.
    pub fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// A wrong field of a mount, in Docker's envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid mount config for type {}: {fault}", quote(.mount.as_str()))]
pub struct ConfigError {
    /// Type of the mount.
    pub mount: MountType,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with one mount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field that this type needs.
    #[error("field {0} must not be empty")]
    Missing(&'static str),
    /// A field that belongs to another type.
    #[error("field {0} must not be specified")]
    Extra(&'static str),
    /// The root file system as a target.
    #[error("invalid specification: destination can't be '/'")]
    TargetIsRoot,
    /// A path that does not begin with a slash (or, on Windows, with a drive).
    #[error("invalid mount path: '{0}' mount path must be absolute")]
    NotAbsolute(String),
    /// A path that the platform cannot have.
    #[error("invalid mount path: '{0}'")]
    BadPath(String),
    /// A path with a byte that ends strings in the kernel.
    #[error("invalid mount path: {} contains a NUL byte", quote(.0))]
    NulByte(String),
    /// Propagation that does not exist.
    #[error("invalid propagation mode: {0}")]
    Propagation(String),
    /// A word about sharing that does not exist.
    #[error("invalid access: {0}: it is exclusive, single-writer, read-only or shared")]
    Access(String),
    /// A bind without its source.
    #[error("bind source path does not exist: {0}")]
    NoSource(String),
    /// The source could not be looked at; the text is the system's.
    #[error("stat {path}: {reason}")]
    Stat {
        /// The source.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A part of a volume that nobody can have put something into.
    #[error("must not set Subpath when using anonymous volumes")]
    AnonymousSubpath,
    /// A subpath that is absolute or climbs out.
    #[error("subpath must be a relative path within the volume")]
    Subpath,
    /// A type this platform does not mount.
    #[error("mount type unknown")]
    UnknownType,
    /// A tmpfs option that is neither `exec` nor `noexec`.
    #[error("invalid option: {0}")]
    TmpfsOption(String),
    /// A tmpfs option with no or too many values.
    #[error("invalid option array length")]
    TmpfsOptionLength,
    /// An option of our own that cannot be had; the text says why.
    #[error("{0}")]
    Extras(String),
    /// The system drive of Windows as a target.
    #[error("destination path ({0}) cannot be 'c:' or 'c:\\'")]
    TargetIsSystemDrive(String),
    /// A bind of a file on Windows.
    #[error("source path must be a directory")]
    SourceNotDirectory,
    /// A single file as a volume on Windows.
    #[error("file '{0}' cannot be mapped. Only directories can be mapped on this platform")]
    FileNotMappable(String),
    /// A device name as a volume name on Windows.
    #[error("volume name {} cannot be a reserved word for Windows filenames", quote(.0))]
    ReservedName(String),
    /// A volume name that is no file name on Windows.
    #[error("invalid volume name")]
    VolumeName,
    /// A pipe mount whose paths are no pipes.
    #[error("'{0}' is not a valid pipe path")]
    NotAPipe(String),
    /// A pipe in a Linux container on Windows.
    #[error("Linux containers on Windows do not support named pipe mounts")]
    PipeOnLcow,
    /// tmpfs on Windows.
    #[error("windows does not support tmpfs")]
    TmpfsOnWindows,
}

impl Fault {
    /// Puts the fault into Docker's envelope.
    pub(crate) fn of(self, mount: &MountType) -> ConfigError {
        ConfigError { mount: mount.clone(), fault: self }
    }
}
