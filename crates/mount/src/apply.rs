//! The one place where a [`Mount`] meets the kernel, in two halves.
//!
//! [`prepare`] runs in the host's mount namespace: it resolves the source once, holds it by descriptor and clones it into a
//! detached mount that nobody can see. [`attach`] runs in the container's: it finds or makes the target inside the root file system
//! and moves the detached mount there. Attributes are set before the mount can be seen; no path is looked up twice.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use stead_base::Kind;
use stead_sys::idmap::UserNamespace;
use stead_sys::mount as kernel;
use stead_sys::mount::{Depth, Flags};

use crate::guard::Forbidden;
use crate::point::Propagation;
use crate::value::{Atime, Attr, Mount, Ro};

mod attach;
mod overlay;
mod own;
mod prepare;

pub use attach::{attach, attach_own};
pub use own::Who;
pub use prepare::{prepare, prepare_as};

/// A mount that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A bind source that is not there.
    #[error("invalid mount config for type \"bind\": bind source path does not exist: {0}")]
    NoSource(String),
    /// A shared bind of something that is not shared on the host.
    #[error("path {path} is mounted on {mount_point} but it is not a shared mount")]
    NotShared {
        /// The source.
        path: String,
        /// The host's mount it is on.
        mount_point: String,
    },
    /// A slave bind of something that is neither shared nor slave on the host.
    #[error("path {path} is mounted on {mount_point} but it is not a shared or slave mount")]
    NotSharedOrSlave {
        /// The source.
        path: String,
        /// The host's mount it is on.
        mount_point: String,
    },
    /// A subpath that leaves the volume or image through a symlink.
    #[error("path concatenation escapes the base directory, base: {base}, subpath: {subpath}")]
    SubpathEscapes {
        /// The directory.
        base: String,
        /// The path beneath it.
        subpath: String,
    },
    /// A subpath that is not there.
    #[error("cannot access path {path}: {reason}")]
    NoSubpath {
        /// Directory and path beneath it.
        path: String,
        /// The kernel's words.
        reason: String,
    },
    /// `bind-recursive=readonly` on a kernel that cannot do it.
    #[error("rro is not supported: failed to call mount_setattr: {0} (kernel is older than 5.12?)")]
    NoRecursiveReadOnly(#[source] stead_sys::Error),
    /// `tmpfs-noswap` on a kernel that cannot do it.
    #[error("tmpfs-noswap needs Linux 6.4 or newer: {0}")]
    NoNoswap(#[source] stead_sys::Error),
    /// A target over one of the kernel's file systems.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A file onto a directory or the other way round.
    #[error(
        "error mounting \"{source_path}\" to rootfs at \"{target}\": not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
    )]
    Shape {
        /// What was to be mounted.
        source_path: String,
        /// Where.
        target: String,
    },
    /// Somebody replaced the target while it was mounted over.
    #[error("mount point {0} was replaced while it was being mounted")]
    Replaced(String),
    /// An overlay without layers.
    #[error("an image mount needs at least one layer")]
    NoLayers,
    /// A mapping of ids that the kernel does not make here.
    #[error("idmap is not possible: {reason}; U gives the files to the container's user instead, and changes them on the disk")]
    NoIdmap {
        /// What is in the way.
        reason: String,
    },
    /// Something of the host that is not given to containers' users.
    #[error("{what} is not allowed for {source_path}: it belongs to the system")]
    System {
        /// The source.
        source_path: String,
        /// What was to be done.
        what: &'static str,
    },
    /// The user whose files they are to be is not there.
    #[error("{0}")]
    User(String),
    /// A layer over something else than a directory.
    #[error("an overlay needs a directory, and {0} is none")]
    OverFile(String),
    /// The layer of an overlay is in use, or was made over something else.
    #[error("overlay over {source_path}: {reason}")]
    Over {
        /// The source.
        source_path: String,
        /// What is in the way.
        reason: String,
    },
    /// A system call failed.
    #[error("mount {target}: {source}")]
    Sys {
        /// The mount's target.
        target: String,
        /// What failed.
        source: stead_sys::Error,
    },
}

impl ApplyError {
    /// The broad kind of the failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoSource(_)
            | Self::NotShared { .. }
            | Self::NotSharedOrSlave { .. }
            | Self::SubpathEscapes { .. }
            | Self::Forbidden(_)
            | Self::Shape { .. }
            | Self::System { .. }
            | Self::User(_)
            | Self::OverFile(_)
            | Self::NoLayers => Kind::Invalid,
            Self::NoSubpath { .. } => Kind::NotFound,
            Self::NoRecursiveReadOnly(_) | Self::NoNoswap(_) | Self::NoIdmap { .. } => Kind::Unsupported,
            Self::Replaced(_) | Self::Over { .. } => Kind::Conflict,
            Self::Sys { source, .. } if source.io_kind() == std::io::ErrorKind::StorageFull => Kind::NoSpace,
            Self::Sys { .. } => Kind::Internal,
        }
    }
}

/// A mount that is ready but not yet anywhere. Dropping it undoes it.
#[derive(Debug)]
pub struct Prepared {
    mount: Mount,
    /// None for file systems that must be made in the container's own namespaces.
    tree: Option<OwnedFd>,
    is_dir: bool,
    /// What remains to be cut out of the tree once it is attached, on kernels that cannot clone from a detached one.
    late_subpath: Option<PathBuf>,
    /// Where the tree's map came from; dropped last, because that may have to wait.
    space: Option<UserNamespace>,
}

impl Prepared {
    /// What was asked for.
    pub fn mount(&self) -> &Mount {
        &self.mount
    }

    /// The detached mount, unless it is made only when it is attached.
    pub fn tree(&self) -> Option<BorrowedFd<'_>> {
        self.tree.as_ref().map(AsFd::as_fd)
    }

    /// Takes the detached mount: the runtime attaches the root file system itself.
    pub fn into_tree(self) -> Option<OwnedFd> {
        self.tree
    }
}

/// The system's words as Docker shows them: lower case, without the number.
pub(crate) fn system_words(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Names the target in a failed system call.
fn at(target: &Path) -> impl FnOnce(stead_sys::Error) -> ApplyError {
    let target = target.display().to_string();
    move |source| ApplyError::Sys { target, source }
}

/// Sets propagation and attributes of a detached tree.
fn finish(tree: BorrowedFd<'_>, mount: &Mount) -> Result<(), ApplyError> {
    let target = &mount.target;
    let set = |depth, peers| {
        let change = kernel::Change { peers: Some(peers), ..kernel::Change::default() };
        kernel::set_attr(tree, depth, change, target).map_err(at(target))
    };
    // The clone is still a peer of the host's mounts: what is not asked to stay so is cut off, all the way down.
    match mount.propagation {
        Propagation::Unset | Propagation::RPrivate => set(Depth::Tree, kernel::Peers::Private)?,
        Propagation::Private => {
            set(Depth::Tree, kernel::Peers::Slave)?;
            set(Depth::Top, kernel::Peers::Private)?;
        }
        Propagation::Slave | Propagation::RSlave => set(Depth::Tree, kernel::Peers::Slave)?,
        Propagation::Shared => set(Depth::Top, kernel::Peers::Shared)?,
        Propagation::RShared => set(Depth::Tree, kernel::Peers::Shared)?,
    }
    let change = kernel::Change { set: flags_of(mount.attr), ..kernel::Change::default() };
    // What a flag forbids is forbidden in the mounts below too: only binds have any.
    kernel::set_attr(tree, Depth::Tree, change, target).map_err(at(target))?;
    if is_rootfs(mount) { Ok(()) } else { read_only(tree, mount) }
}

fn is_rootfs(mount: &Mount) -> bool {
    mount.target == Path::new("/")
}

/// Makes a root file system read-only, if its mount asks for that. Until this is called it stays writable, whatever it asks for:
/// the places of the mounts on top of it may have to be made first.
///
/// # Errors
/// As `mount_setattr`.
pub fn seal_rootfs(rootfs: BorrowedFd<'_>, mount: &Mount) -> Result<(), ApplyError> {
    // What is attached on top keeps its own rights: only the root file system itself is meant.
    match mount.attr.ro {
        Ro::No => Ok(()),
        _ => read_only(rootfs, &Mount { attr: Attr { ro: Ro::Shallow, ..mount.attr }, ..mount.clone() }),
    }
}

fn flags_of(attr: Attr) -> Flags {
    let mut flags = Flags::empty();
    flags.set(Flags::MOUNT_ATTR_NOSUID, attr.nosuid);
    flags.set(Flags::MOUNT_ATTR_NODEV, attr.nodev);
    flags.set(Flags::MOUNT_ATTR_NOEXEC, attr.noexec);
    flags.set(Flags::MOUNT_ATTR_NODIRATIME, attr.nodiratime);
    flags.set(Flags::MOUNT_ATTR_NOATIME, attr.atime == Atime::Noatime);
    flags.set(Flags::MOUNT_ATTR_STRICTATIME, attr.atime == Atime::Strictatime);
    flags
}

fn read_only(tree: BorrowedFd<'_>, mount: &Mount) -> Result<(), ApplyError> {
    let change = kernel::Change { set: Flags::MOUNT_ATTR_RDONLY, ..kernel::Change::default() };
    let set = |depth| kernel::set_attr(tree, depth, change, &mount.target);
    match mount.attr.ro {
        Ro::No => Ok(()),
        Ro::Shallow => set(Depth::Top).map_err(at(&mount.target)),
        Ro::ForceRecursive => set(Depth::Tree).map_err(ApplyError::NoRecursiveReadOnly),
        Ro::Recursive => match set(Depth::Tree) {
            Ok(()) => Ok(()),
            Err(_) => set(Depth::Top).map_err(at(&mount.target)),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests;
