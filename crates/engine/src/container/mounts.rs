//! The mounts of a container: from all ways of asking to volumes that exist, are filled, and are mounted while it runs.

use std::path::{Path, PathBuf};

use stead_base::time::Time;
use stead_layer::writable;
use stead_mount::names::split_snapshot;
use stead_mount::parse::{self, VolumesFrom};
use stead_mount::plan::{self, Inputs};
use stead_mount::{HostProbe, Mount, MountPoint, MountType, Over, lower_all};
use stead_volume::{CreateRequest, LastUse, Populate, When};

use super::config::{Config, HostConfig};
use super::plan::diff_ids;
use super::record::Container;
use super::regain::Identity;
use crate::{Engine, Failure, Result};

/// What became of a container's volumes.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// Volumes that were made.
    pub(super) made: Vec<String>,
    /// Anonymous ones of a predecessor.
    pub(super) regained: Vec<String>,
}

impl Engine {
    /// All ways of asking become one checked list. Nothing is made.
    pub(super) fn merge_mounts(&self, config: &Config, host: &HostConfig) -> Result<Vec<MountPoint>> {
        let mut inherited: Vec<(VolumesFrom, Vec<MountPoint>)> = Vec::new();
        for spec in host.volumes_from.iter().flatten() {
            let from = parse::volumes_from(spec)?;
            let other = self.container(&from.container)?;
            inherited.push((from, other.mounts));
        }
        let empty = std::collections::BTreeMap::new();
        let anonymous: Vec<String> = config.volumes.iter().flatten().map(|(path, _)| path.clone()).collect();
        let inputs = Inputs {
            previous: &[],
            volumes_from: &inherited,
            binds: host.binds.as_deref().unwrap_or_default(),
            mounts: host.mounts.as_deref().unwrap_or_default(),
            tmpfs: host.tmpfs.as_ref().unwrap_or(&empty),
            anonymous: &anonymous,
            volume_driver: &host.volume_driver,
            data_root: self.root.path(),
        };
        Ok(plan::merge(&inputs, &HostProbe)?)
    }

    /// Makes the volumes that do not exist, names the anonymous ones and finds the images.
    pub(super) fn claim_volumes(
        &self,
        container: &mut Container,
        points: Vec<MountPoint>,
        identity: &Identity,
        warnings: &mut Vec<String>,
    ) -> Result<Claimed> {
        let mut done = Claimed::default();
        for mut point in points {
            let claimed = match point.kind {
                MountType::Volume => self.claim_volume(&mut point, identity, &mut done, warnings),
                MountType::Image => self.claim_image(&mut point),
                _ => Ok(()),
            };
            let claimed = claimed.and_then(|()| self.claim_overlay_volume(&point, &mut done.made));
            claimed.inspect_err(|_failure| self.take_back(&done.made))?;
            container.mounts.push(point);
        }
        Ok(done)
    }

    fn claim_volume(&self, point: &mut MountPoint, identity: &Identity, done: &mut Claimed, warnings: &mut Vec<String>) -> Result<()> {
        if let (volume, Some(snapshot)) = split_snapshot(&point.name.clone()) {
            return self.claim_snapshot(point, volume, snapshot);
        }
        let mut last_holder = None;
        if point.name.is_empty() {
            last_holder = identity.at(&point.destination);
            if let Some(name) = self.volume_to_regain(identity, point)? {
                done.regained.push(name.clone());
                point.name = name;
            }
        }
        // An inherited volume has its name already, and its options are its own affair.
        let inherited = !point.source.is_empty() && !point.name.is_empty();
        let options = point.spec.volume_options.clone().unwrap_or_default();
        let driver = options.driver_config.clone().unwrap_or_default();
        let request = CreateRequest {
            name: point.name.clone(),
            driver: if point.driver.is_empty() { driver.name } else { point.driver.clone() },
            labels: if inherited { Default::default() } else { options.labels },
            options: if inherited { Default::default() } else { driver.options },
            last_holder,
            ..CreateRequest::default()
        };
        let asked = !request.labels.is_empty() || !request.options.is_empty();
        let created = self.volumes.create(request)?;
        let volume = created.volume;
        if created.is_new {
            self.emit_volume(&volume.name, "create", &[("driver", &volume.driver)]);
            done.made.push(volume.name.clone());
        } else if asked {
            warnings.extend(created.differs.into_iter().map(|what| format!("volume {}: {what}", volume.name)));
        }
        point.set_volume(&volume.name, &volume.driver, &self.volumes.path(&volume.name).display().to_string());
        Ok(())
    }

    /// Makes the volume that keeps what is written over a mount.
    fn claim_overlay_volume(&self, point: &MountPoint, made: &mut Vec<String>) -> Result<()> {
        let Some(name) = point.overlay_volume() else { return Ok(()) };
        let created = self.volumes.create(CreateRequest { name: name.to_owned(), ..CreateRequest::default() })?;
        if created.is_new {
            self.emit_volume(name, "create", &[("driver", &created.volume.driver)]);
            made.push(name.to_owned());
        }
        Ok(())
    }

    /// `VOL@SNAP`: there already, read-only, and nothing is copied into it.
    fn claim_snapshot(&self, point: &mut MountPoint, volume: &str, snapshot: &str) -> Result<()> {
        if point.mode.split(',').any(|word| word == "rw") {
            return Err(Failure::invalid(format!("{volume}@{snapshot} is a snapshot, which is only mounted read-only"))
                .with_hint(format!("leave rw out, or make a volume of it: 'stead volume clone {volume}@{snapshot} NEW'")));
        }
        self.volumes.snapshot(volume, snapshot)?;
        (point.rw, point.copy_data) = (false, false);
        let path = self.volumes.snapshot_path(volume, snapshot).display().to_string();
        let name = point.name.clone();
        point.set_volume(&name, stead_volume::LOCAL, &path);
        Ok(())
    }

    fn claim_image(&self, point: &mut MountPoint) -> Result<()> {
        let image = self.images.resolve(&point.spec.source)?;
        point.name.clone_from(&point.spec.source);
        // The topmost layer stands for the tree: there is no directory with all of it until it is mounted.
        let top = self.layers.lower_dirs(image.diff_ids()).first().map(|dir| dir.display().to_string());
        point.source = top.unwrap_or_default();
        Ok(())
    }

    /// Fills the container's new volumes from its image. Volumes in memory wait for the start.
    pub(super) fn populate_volumes(&self, container: &Container) -> Result<()> {
        self.populate(container, When::Create)
    }

    fn populate(&self, container: &Container, when: When) -> Result<()> {
        let wanted = |point: &&MountPoint| point.kind == MountType::Volume && point.copy_data && !point.name.is_empty();
        let mut new = Vec::new();
        for point in container.mounts.iter().filter(wanted) {
            // The common case is a volume that was populated long ago: then not even the image's tree is opened.
            if point.subpath().is_some() || self.volumes.may_be_populated(&point.name)? {
                new.push(point);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let lower = stead_layer::lower_dirs(&self.root, &diff_ids(container)?);
        // A volume at a path that no layer begins to have stays new, whoever mounts it: no tree has to be opened to know that.
        new.retain(|point| point.subpath().is_some() || self.volumes.is_interrupted(&point.name) || may_have(&lower, &point.destination));
        if new.is_empty() {
            return Ok(());
        }
        let tree = stead_mount::prepare(&Mount::rootfs(lower, None, None))?;
        let image = tree.tree().ok_or_else(|| Failure::new(stead_base::Kind::Internal, "the image's tree could not be opened"))?;
        for point in new {
            self.volumes.populate(
                &point.name,
                &Populate {
                    image,
                    destination: Path::new(&point.destination),
                    subpath: point.subpath().map(Path::new),
                    holder: &container.id,
                    when,
                    from: &container.image,
                },
            )?;
        }
        Ok(())
    }

    /// Mounts what the container's volumes need on the host and gives the mounts that its process will see, in depth order.
    /// Volumes named in `read_only` are only read. What is mounted is released by [`Engine::release_mounts`].
    pub(super) fn activate_mounts(&self, container: &Container, read_only: &[String]) -> Result<Vec<Mount>> {
        self.populate(container, When::Start)?;
        let mut points = container.mounts.clone();
        for point in points.iter_mut().filter(|p| p.kind == MountType::Volume && !p.name.is_empty()) {
            let mounted = match split_snapshot(&point.name) {
                (volume, Some(snapshot)) => self.volumes.snapshot(volume, snapshot).map(|_| self.volumes.snapshot_path(volume, snapshot)),
                (volume, None) => self.volumes.mount(volume, &container.id),
            };
            let path = mounted.inspect_err(|_failure| drop(self.let_go_of_volumes(container)))?;
            point.source = path.display().to_string();
            point.rw &= !read_only.contains(&point.name);
        }
        let tmpfs = container.host.tmpfs.clone().unwrap_or_default();
        let images = self.image_layers(container)?;
        let layers =
            |point: &MountPoint| images.iter().find(|(name, _)| *name == point.name).map(|(_, dirs)| dirs.clone()).unwrap_or_default();
        let mut mounts = lower_all(&points, &tmpfs, &layers).inspect_err(|_failure| drop(self.let_go_of_volumes(container)))?;
        self.place_overlays(container, &mut mounts).inspect_err(|_failure| drop(self.let_go_of_volumes(container)))?;
        Ok(mounts)
    }

    /// Says where what is written over mounts goes: beside the container's own writable layer, or into a volume.
    fn place_overlays(&self, container: &Container, mounts: &mut [Mount]) -> Result<()> {
        let throwaway = writable::overlays(&self.root, &container.id);
        for (at, mount) in mounts.iter_mut().enumerate() {
            let target = mount.target.to_string_lossy().into_owned();
            match &mut mount.over {
                Some(Over::Throwaway(dir)) => *dir = throwaway.join(at.to_string()),
                Some(Over::Kept(dir)) => {
                    let point = container.mounts.iter().find(|point| point.destination == target);
                    if let Some(name) = point.and_then(MountPoint::overlay_volume) {
                        *dir = self.volumes.mount(name, &container.id)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The layers behind each image mount, the topmost first.
    fn image_layers(&self, container: &Container) -> Result<Vec<(String, Vec<PathBuf>)>> {
        let images = container.mounts.iter().filter(|p| p.kind == MountType::Image);
        images.map(|p| Ok((p.name.clone(), self.layers.lower_dirs(self.images.resolve(&p.name)?.diff_ids())))).collect()
    }

    /// Takes the container off every volume after its life; the last one unmounts it.
    ///
    /// # Errors
    /// As [`Engine::let_go_of_volumes`].
    pub(crate) fn release_mounts(&self, container: &Container) -> Result<()> {
        let outcome = self.let_go_of_volumes(container);
        // Several may clean up after one life; one of them says so.
        if stead_monitor::mark::take(&self.run_root, &container.id) {
            self.tell_unmounted(container);
            self.note_use(&container.id);
        }
        outcome
    }

    /// Takes the container off every volume. Every volume is tried, and the first failure is told.
    ///
    /// # Errors
    /// A volume cannot be unmounted.
    pub(super) fn let_go_of_volumes(&self, container: &Container) -> Result<()> {
        let mut outcome = Ok(());
        for name in container.volumes() {
            let released = self.volumes.unmount(name, &container.id).map_err(Failure::from);
            outcome = outcome.and(released);
        }
        outcome
    }

    /// Says that networks and volumes are there for a life, where Docker does: after the clients have attached. Leaves a mark that nobody has said
    /// yet that the volumes are not any more.
    ///
    /// # Errors
    /// The monitor refuses what it was asked before.
    pub(super) fn tell_life_begins(&self, client: &mut stead_monitor::Client) -> Result<()> {
        let container = self.container(client.id())?;
        if container.volumes().next().is_none() && stead_network::sandbox::read(&self.run_root, &container.id).is_none() {
            return Ok(());
        }
        client.attached()?;
        self.tell_connected(&container.id);
        if container.volumes().next().is_some() {
            stead_monitor::mark::set(&self.run_root, &container.id);
            self.tell_mounted(&container);
        }
        Ok(())
    }

    /// Remembers with each of the container's volumes that it was used now. For people: what cannot be written is not.
    pub(super) fn note_use(&self, id: &str) {
        let Ok(container) = self.container(id) else { return };
        let last = LastUse { at: Time::now(), by: container.name.clone() };
        for name in container.volumes() {
            self.volumes.note_use(name, &last);
        }
    }

    pub(super) fn tell_mounted(&self, container: &Container) {
        for point in volume_points(container) {
            let attributes = [
                ("driver", point.driver.as_str()),
                ("container", container.id.as_str()),
                ("destination", point.destination.as_str()),
                ("read/write", if point.rw { "true" } else { "false" }),
                ("propagation", point.propagation.as_str()),
            ];
            self.emit_volume(&point.name, "mount", &attributes);
        }
    }

    pub(super) fn tell_unmounted(&self, container: &Container) {
        for point in volume_points(container) {
            self.emit_volume(&point.name, "unmount", &[("driver", &point.driver), ("container", &container.id)]);
        }
    }

    /// Keeps a start, a look from outside and a removal of this container apart.
    pub(crate) fn hold_rootfs(&self, id: &str) -> Result<writable::Hold> {
        Ok(writable::hold(&self.run_root, id)?)
    }

    /// What the container wrote, its log and its run directory go.
    pub(crate) fn discard_container_files(&self, id: &str) -> Result<()> {
        writable::discard(&self.root, id)?;
        Ok(stead_monitor::forget(&self.run_root, id)?)
    }
}

fn volume_points(container: &Container) -> impl Iterator<Item = &MountPoint> {
    container.mounts.iter().filter(|p| p.kind == MountType::Volume && !p.name.is_empty())
}

/// Whether any layer has the first component of a path. Only that: further ones may lead through another layer's symbolic links.
fn may_have(layers: &[PathBuf], destination: &str) -> bool {
    let first = Path::new(destination).components().find(|c| matches!(c, std::path::Component::Normal(_)));
    first.is_none_or(|first| layers.iter().any(|layer| layer.join(first).symlink_metadata().is_ok()))
}
