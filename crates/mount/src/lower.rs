//! From the record's mount points to the values the runtime is given.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use stead_base::Kind;

use crate::extra::Extras;
use crate::gotext::clean;
use crate::names::split_snapshot;
use crate::parse::tmpfs::{self, TmpfsError, request_options};
use crate::point::{MountPoint, Propagation};
use crate::request::{BindOptions, MountType};
use crate::spec::Fault;
use crate::value::{Attr, Mount, Over, Relabel, Ro, Source, depth};

/// A mount point that cannot become a mount. Docker finds these when the container starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// `bind-recursive` and `readonly` contradict each other.
    #[error("mount options conflict: {0}")]
    Conflict(&'static str),
    /// A wrong tmpfs option.
    #[error(transparent)]
    Tmpfs(#[from] TmpfsError),
    /// A wrong tmpfs option of the API.
    #[error("{0}")]
    TmpfsRequest(Fault),
    /// A type that is not mounted on Linux.
    #[error("mount type unknown")]
    UnknownType,
    /// A volume whose path was never filled in.
    #[error("no volume was resolved for the mount point {0}")]
    Unresolved(String),
}

impl LowerError {
    /// A wrong request, or a defect.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unresolved(_) => Kind::Internal,
            _ => Kind::Invalid,
        }
    }
}

/// Turns a container's mount points and its `HostConfig.Tmpfs` into mounts, in the order in which they are attached.
///
/// A tmpfs asked for with `--tmpfs` hides a volume or bind at the same path; one asked for with `--mount` is stacked on top of it.
/// `layers` gives the layers of an image mount, the topmost first.
///
/// # Errors
/// See [`LowerError`].
pub fn lower_all(
    points: &[MountPoint],
    tmpfs: &BTreeMap<String, String>,
    layers: &dyn Fn(&MountPoint) -> Vec<PathBuf>,
) -> Result<Vec<Mount>, LowerError> {
    let hidden: HashSet<String> = tmpfs.keys().map(|path| clean(path)).collect();
    let mut mounts = Vec::with_capacity(points.len() + tmpfs.len());
    for (path, options) in tmpfs {
        mounts.push(lower_tmpfs(path, options)?);
    }
    for point in points.iter().filter(|point| point.kind == MountType::Tmpfs || !hidden.contains(&point.destination)) {
        mounts.push(lower(point, layers)?);
    }
    // Stable: what is stacked at one path stays in the order above.
    mounts.sort_by_key(|mount| depth(&mount.target));
    Ok(mounts)
}

/// Turns one entry of `HostConfig.Tmpfs` into a mount.
///
/// # Errors
/// An option that does not exist.
pub fn lower_tmpfs(path: &str, options: &str) -> Result<Mount, TmpfsError> {
    let options = tmpfs::options(options)?;
    let mut mount = Mount::new(Source::Tmpfs(options.spec), clean(path));
    mount.attr = options.attr;
    mount.propagation = options.propagation;
    Ok(mount)
}

/// Turns one mount point into a mount.
///
/// # Errors
/// See [`LowerError`].
pub fn lower(point: &MountPoint, layers: &dyn Fn(&MountPoint) -> Vec<PathBuf>) -> Result<Mount, LowerError> {
    let subpath = point.subpath().map(PathBuf::from);
    let source = match point.kind {
        MountType::Tmpfs => {
            let options = request_options(point.spec.tmpfs_options.as_ref(), !point.rw).map_err(LowerError::TmpfsRequest)?;
            return Ok(lower_tmpfs(&point.destination, &options)?);
        }
        MountType::Bind => Source::Path(PathBuf::from(&point.source)),
        MountType::Volume if point.source.is_empty() => return Err(LowerError::Unresolved(point.destination.clone())),
        MountType::Volume => Source::Dir { path: PathBuf::from(&point.source), subpath },
        MountType::Image => Source::Image { lower: layers(point), subpath },
        MountType::Npipe | MountType::Cluster | MountType::Unknown(_) => return Err(LowerError::UnknownType),
    };
    let default = BindOptions::default();
    let options = point.spec.bind_options.as_ref().unwrap_or(&default);
    let mut mount = Mount::new(source, &point.destination);
    mount.attr = Attr { ro: read_only(point, options)?, ..Attr::default() };
    mount.recursive = !options.non_recursive;
    mount.propagation = match point.propagation {
        Propagation::Unset => Propagation::RPrivate,
        asked => asked,
    };
    mount.propagation_fallback = point.kind == MountType::Bind && options.propagation.is_empty();
    mount.create_source = point.kind == MountType::Bind && !point.skip_source_creation;
    if let Some(extras) = point.spec.extras() {
        extra(&mut mount, extras);
    }
    mount.relabel = mount.relabel.or_else(|| labelled(point));
    Ok(mount)
}

/// What Docker does not have. Where a throw-away or a volume's layer lies is filled in by the caller, who knows the container.
fn extra(mount: &mut Mount, extras: &Extras) {
    mount.attr.noexec = extras.has_flag("noexec");
    mount.attr.nosuid = extras.has_flag("nosuid");
    mount.attr.nodev = extras.has_flag("nodev");
    mount.attr.suid = extras.has_flag("suid");
    mount.idmap.clone_from(&extras.id_mapping);
    mount.chown = extras.chown;
    mount.relabel = match extras.relabel.as_str() {
        "shared" => Some(Relabel::Shared),
        "private" => Some(Relabel::Private),
        _ => None,
    };
    mount.over = extras.overlay.as_ref().map(|overlay| match overlay {
        overlay if overlay.is_throwaway() => Over::Throwaway(PathBuf::new()),
        overlay if overlay.volume.is_empty() => {
            Over::Named { upper: PathBuf::from(&overlay.upper_dir), work: PathBuf::from(&overlay.work_dir) }
        }
        _ => Over::Kept(PathBuf::new()),
    });
}

/// `z` and `Z` of `-v`.
fn labelled(point: &MountPoint) -> Option<Relabel> {
    let has = |word: &str| point.mode.split(',').any(|flag| flag == word);
    match point.kind {
        // Nobody's to change.
        MountType::Volume if split_snapshot(&point.spec.source).1.is_some() => None,
        MountType::Bind | MountType::Volume if has("Z") => Some(Relabel::Private),
        MountType::Bind | MountType::Volume if has("z") => Some(Relabel::Shared),
        _ => None,
    }
}

fn read_only(point: &MountPoint, options: &BindOptions) -> Result<Ro, LowerError> {
    let (writable, force) = (options.read_only_non_recursive, options.read_only_force_recursive);
    // Judged by what was asked for: read-only through `--volumes-from` is not a contradiction.
    if !point.spec.read_only && writable {
        return Err(LowerError::Conflict("!ReadOnly && BindOptions.ReadOnlyNonRecursive"));
    }
    if !point.spec.read_only && force {
        return Err(LowerError::Conflict("!ReadOnly && BindOptions.ReadOnlyForceRecursive"));
    }
    if writable && force {
        return Err(LowerError::Conflict("BindOptions.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive"));
    }
    Ok(match (point.rw, writable, force) {
        (true, ..) => Ro::No,
        (false, true, _) => Ro::Shallow,
        (false, _, true) => Ro::ForceRecursive,
        (false, false, false) => Ro::Recursive,
    })
}

#[cfg(test)]
#[path = "lower/tests.rs"]
mod tests;
