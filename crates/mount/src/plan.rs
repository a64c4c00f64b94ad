//! All ways of asking become one list: precedence, duplicates, and the rules that need to see more than one mount.
//!
//! Weakest first: what the container has already, `--volumes-from` in the order given, `-v`, `--mount`, and anonymous volumes only
//! where nothing else is mounted. Of two mounts at one path the stronger one stays, except that two of the user's own are an error.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use crate::gotext::clean;
use crate::guard::{self, Content};
use crate::parse::{VolumesFrom, short, tmpfs};
use crate::point::{MountPoint, Origin, Propagation};
use crate::request::{MountRequest, MountType};
use crate::spec::{Fault, SpecError};
use crate::validate::Probe;

/// Everything that says something about a container's mounts.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Mount points the container has already.
    pub previous: &'a [MountPoint],
    /// Each `--volumes-from` with the mount points of that container.
    pub volumes_from: &'a [(VolumesFrom, Vec<MountPoint>)],
    /// `HostConfig.Binds`.
    pub binds: &'a [String],
    /// `HostConfig.Mounts`.
    pub mounts: &'a [MountRequest],
    /// `HostConfig.Tmpfs`.
    pub tmpfs: &'a BTreeMap<String, String>,
    /// Paths of `Config.Volumes`: `-v /path` and the image's `VOLUME`s.
    pub anonymous: &'a [String],
    /// `HostConfig.VolumeDriver`, empty for the default.
    pub volume_driver: &'a str,
    /// The engine's root, which a bind must not pin.
    pub data_root: &'a Path,
}

/// Merges them, checked. Volumes are named but not yet looked up: [`MountPoint::set_volume`] is the caller's next step.
/// The list is ordered by depth and then by path.
///
/// # Errors
/// The first thing wrong, in Docker's words; nothing was touched.
pub fn merge(inputs: &Inputs<'_>, probe: &dyn Probe) -> Result<Vec<MountPoint>, SpecError> {
    for path in inputs.tmpfs.keys() {
        tmpfs::check_target(path)?;
        guard::check(Path::new(&clean(path)), Content::Kept)?;
    }
    let tmpfs_targets: HashSet<String> = inputs.tmpfs.keys().map(|path| clean(path)).collect();
    let mut points: HashMap<String, MountPoint> = HashMap::new();
    let mut put = |point: MountPoint| points.insert(point.destination.clone(), point);

    for point in inputs.previous {
        put(point.clone());
    }
    for (from, theirs) in inputs.volumes_from {
        for point in theirs.iter().filter(|point| point.kind != MountType::Tmpfs) {
            put(inherited(point, from));
        }
    }
    let mut asked: HashSet<String> = HashSet::new();
    for raw in inputs.binds {
        let point = own(short::linux_raw(raw, inputs.volume_driver)?, inputs.data_root)?;
        if tmpfs_targets.contains(&point.destination) || !asked.insert(point.destination.clone()) {
            return Err(SpecError::Duplicate(point.destination));
        }
        put(point);
    }
    for request in inputs.mounts {
        let point = own(short::linux_spec(request, probe)?, inputs.data_root)?;
        if !asked.insert(point.destination.clone()) {
            return Err(SpecError::Duplicate(point.destination));
        }
        put(point);
    }
    for path in inputs.anonymous {
        let point = short::linux_anonymous(path, inputs.volume_driver)?;
        if !points.contains_key(&point.destination) && !tmpfs_targets.contains(&point.destination) {
            guard::check(Path::new(&point.destination), Content::Kept)?;
            points.insert(point.destination.clone(), point);
        }
    }
    let mut list: Vec<MountPoint> = points.into_values().collect();
    list.sort_by(|a, b| depth_and_path(a).cmp(&depth_and_path(b)));
    Ok(list)
}

fn depth_and_path(point: &MountPoint) -> (usize, &str) {
    (crate::value::depth(Path::new(&point.destination)), &point.destination)
}

/// What another container's mount becomes here: no mode, no copying, and never more access than there.
/// Its tmpfs are left out before this: memory is not shared.
fn inherited(point: &MountPoint, from: &VolumesFrom) -> MountPoint {
    MountPoint { rw: point.rw && !from.read_only, mode: String::new(), copy_data: false, origin: Origin::VolumesFrom, ..point.clone() }
}

/// The checks of a mount the user asked for in so many words.
fn own(mut point: MountPoint, data_root: &Path) -> Result<MountPoint, SpecError> {
    let content = if point.kind == MountType::Bind { Content::Host(Path::new(&point.source)) } else { Content::Kept };
    guard::check(Path::new(&point.destination), content)?;
    if point.kind == MountType::Bind && overlaps(Path::new(&point.source), data_root) {
        if point.spec.extras().is_some_and(|extras| extras.chown || extras.id_mapping.is_some()) {
            let words = format!("{} holds the engine's own files: U and idmap are for volumes by name", point.source);
            return Err(SpecError::Config(Fault::Extras(words).of(&point.kind)));
        }
        let asked = point.spec.bind_options.as_ref().map(|options| options.propagation.as_str()).unwrap_or_default();
        match asked {
            // Without this a container would hold every mount of the engine that it can see.
            "" => point.propagation = Propagation::RSlave,
            "rslave" | "rshared" => {}
            _ => {
                return Err(SpecError::DataRoot {
                    root: data_root.display().to_string(),
                    source_path: point.spec.source.clone(),
                    propagation: asked.to_owned(),
                });
            }
        }
    }
    Ok(point)
}

fn overlaps(source: &Path, root: &Path) -> bool {
    source.starts_with(root) || root.starts_with(source)
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
