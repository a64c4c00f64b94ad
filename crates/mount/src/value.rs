//! `Mount`: what the kernel will be asked, typed. The only thing that crosses from storage to the runtime.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::extra::IdMapping;
use crate::point::Propagation;

/// Where a mount's content comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A path of the host, resolved once, when the mount is prepared.
    Path(PathBuf),
    /// A directory the engine owns (a volume's data, an image's tree), or a part of it.
    Dir {
        /// The directory; its last component is not followed if it is a symlink.
        path: PathBuf,
        /// A path beneath it; no symlink on the way is followed.
        subpath: Option<PathBuf>,
    },
    /// Fresh memory.
    Tmpfs(TmpfsSpec),
    /// Image layers, with or without a writable one on top.
    Overlay {
        /// Read-only layers, the topmost first.
        lower: Vec<PathBuf>,
        /// Where changes go; without it the mount is read-only.
        upper: Option<PathBuf>,
        /// Overlayfs's scratch directory, on the file system of `upper`.
        work: Option<PathBuf>,
        /// Whether what is written goes with the mount's last user: then the end of the mount does not wait for it to be flushed
        /// (overlayfs `volatile`, Linux 5.10).
        #[serde(default)]
        throwaway: bool,
    },
    /// Image layers seen read-only, or a part of them.
    Image {
        /// Read-only layers, the topmost first.
        lower: Vec<PathBuf>,
        /// A path beneath their root; no symlink on the way is followed.
        subpath: Option<PathBuf>,
    },
    /// A kernel file system with a device, as the `local` volume driver's options name it.
    Filesystem(FilesystemSpec),
    /// The process file system of the calling pid namespace.
    Proc,
    /// The kernel's objects of the calling network namespace.
    Sysfs,
    /// A fresh instance of the pseudo terminals.
    Devpts,
    /// POSIX message queues of the calling ipc namespace.
    Mqueue,
    /// The control groups (v2).
    Cgroup,
}

/// A file system that the kernel mounts by type, device and options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FilesystemSpec {
    /// Type, as in /proc/filesystems; `none` or `bind` options make it a bind of `device`.
    pub fstype: String,
    /// Device, server path or directory.
    pub device: String,
    /// Options as the user wrote them, split at commas.
    pub options: Vec<String>,
}

/// Size and rights of a tmpfs. Numbers the kernel parses itself (suffixes, percent) stay as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "options that the kernel has, each on its own")]
pub struct TmpfsSpec {
    /// Limit, e.g. `67108864`, `64m` or `50%`; none means half of the memory.
    pub size: Option<String>,
    /// Permission bits of the root; none means those of the directory it covers, or 1777.
    pub mode: Option<u32>,
    /// Owner of the root.
    pub uid: Option<u32>,
    /// Group of the root.
    pub gid: Option<u32>,
    /// Limit of inodes.
    pub nr_inodes: Option<String>,
    /// Limit in pages.
    pub nr_blocks: Option<String>,
    /// NUMA policy.
    pub mpol: Option<String>,
    /// Never write its pages to swap.
    pub noswap: bool,
    /// Write synchronously; without effect in memory, kept because it is shown.
    pub sync: bool,
    /// Change directories synchronously; as `sync`.
    pub dirsync: bool,
    /// Begin with what is in the directory it covers.
    pub copy_up: bool,
}

/// How far read-only goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ro {
    /// Writable.
    #[default]
    No,
    /// The top mount only.
    Shallow,
    /// All mounts below too where the kernel can, else the top mount.
    Recursive,
    /// All mounts below too, or an error.
    ForceRecursive,
}

/// When access times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Atime {
    /// As the source mount has it, `relatime` for a new file system.
    #[default]
    Inherit,
    /// Rarely, the kernel's default.
    Relatime,
    /// Never.
    Noatime,
    /// Always.
    Strictatime,
}

/// Per-mount attributes, set before the mount can be seen by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of the kernel")]
pub struct Attr {
    /// Read-only, and how far down.
    pub ro: Ro,
    /// Ignore set-uid bits and file capabilities.
    pub nosuid: bool,
    /// Ignore device files.
    pub nodev: bool,
    /// Refuse to execute.
    pub noexec: bool,
    /// Honour set-uid bits where they would be ignored for caution: asked for in so many words.
    pub suid: bool,
    /// Do not write access times of directories.
    pub nodiratime: bool,
    /// Access times.
    pub atime: Atime,
}

/// One mount of a container, ready to be prepared on the host and attached in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "what is asked of a mount, each thing on its own")]
pub struct Mount {
    /// Where the content comes from.
    pub source: Source,
    /// Absolute path in the container; `/` is the root file system itself.
    pub target: PathBuf,
    /// Attributes of the mount.
    #[serde(default)]
    pub attr: Attr,
    /// Whether mounts below the source come along.
    #[serde(default)]
    pub recursive: bool,
    /// Propagation between host and container.
    #[serde(default)]
    pub propagation: Propagation,
    /// Whether [`Mount::propagation`] was chosen by the engine: where the host's mount cannot do it, private is used instead of an error.
    #[serde(default)]
    pub propagation_fallback: bool,
    /// Whether a missing bind source is created as a directory.
    #[serde(default)]
    pub create_source: bool,
    /// Other owners than the disk has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idmap: Option<IdMapping>,
    /// Whether everything below the source is given to the container's user first.
    #[serde(default)]
    pub chown: bool,
    /// SELinux label of everything below the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relabel: Option<Relabel>,
    /// Where writes go instead of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
}

/// Whose label files get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relabel {
    /// Any container's (`z`).
    Shared,
    /// This container's (`Z`).
    Private,
}

/// A writable layer over a directory that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// `upper` and `work` in this directory, which is made anew at every start.
    Throwaway(PathBuf),
    /// `upper` and `work` in this directory, which stays.
    Kept(PathBuf),
    /// Two directories of the user's.
    Named {
        /// What is written.
        upper: PathBuf,
        /// Overlayfs's scratch directory.
        work: PathBuf,
    },
}

impl Mount {
    /// A mount of `source` at `target` with nothing special about it.
    pub fn new(source: Source, target: impl Into<PathBuf>) -> Self {
        Self {
            source,
            target: target.into(),
            attr: Attr::default(),
            recursive: false,
            propagation: Propagation::Unset,
            propagation_fallback: false,
            create_source: false,
            idmap: None,
            chown: false,
            relabel: None,
            over: None,
        }
    }

    /// A recursive private bind of a host path, as the engine makes for its own files.
    pub fn bind(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        let mut mount = Self::new(Source::Path(source.into()), target);
        mount.recursive = true;
        mount.propagation = Propagation::RPrivate;
        mount
    }

    /// The root file system of a container from its layers, the topmost first.
    pub fn rootfs(lower: Vec<PathBuf>, upper: Option<PathBuf>, work: Option<PathBuf>) -> Self {
        Self::new(Source::Overlay { lower, upper, work, throwaway: false }, "/")
    }

    /// The same root file system, of which nothing is to be kept.
    #[must_use]
    pub fn thrown_away(mut self) -> Self {
        if let Source::Overlay { throwaway, .. } = &mut self.source {
            *throwaway = true;
        }
        self
    }

    /// The same mount, read-only.
    #[must_use]
    pub fn read_only(mut self, ro: Ro) -> Self {
        self.attr.ro = ro;
        self
    }

    /// The number of path components of the target, by which mounts are ordered.
    pub fn depth(&self) -> usize {
        depth(&self.target)
    }
}

/// Counts the components of a path below the root.
pub fn depth(path: &Path) -> usize {
    path.components().filter(|c| matches!(c, std::path::Component::Normal(_))).count()
}
