//! Taking over the definition of a container that another engine keeps: it becomes a created one, with what it had written.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::AtomicU64;

use stead_base::time::Time;
use stead_base::{Digest, Kind, names};
use stead_image::ContainerDefaults;
use stead_layer::writable;
use stead_mount::{MountPoint, MountType};

use super::config::{Config, HostConfig};
use super::record::Container;
use super::regain::Identity;
use super::{check, merge};
use crate::{Engine, Failure, Result};

/// A definition in Docker's shape.
#[derive(Debug)]
pub(crate) struct Adoption<'a> {
    /// The id it keeps.
    pub(crate) id: String,
    /// The name it keeps.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Option<Time>,
    /// Id of its image, which is here already.
    pub(crate) image: String,
    /// What is independent of the host.
    pub(crate) config: Config,
    /// What depends on it.
    pub(crate) host: HostConfig,
    /// Volumes that nobody named, by the path they are mounted at.
    pub(crate) anonymous: BTreeMap<String, String>,
    /// What it wrote.
    pub(crate) changes: Option<OwnedFd>,
    /// Grows by the bytes that are copied.
    pub(crate) copied: &'a AtomicU64,
}

impl Engine {
    /// Whether a container of this id or this name is here: its id and its name.
    pub(crate) fn container_known(&self, id: &str, name: &str) -> Result<Option<(String, String)>> {
        let known = self.store.read(|tx| match tx.get::<Container>(id)? {
            Some(found) => Ok::<_, Failure>(Some(found)),
            None => Ok(tx.by_name::<Container>(name)?),
        })?;
        Ok(known.map(|container| (container.id, container.name)))
    }

    /// Takes over a container. Answers what will be different.
    ///
    /// # Errors
    /// What a create would refuse, too; an image or a volume of it that is not here.
    pub(crate) fn container_adopt(&self, what: Adoption<'_>) -> Result<Vec<String>> {
        let Adoption { id, name, created, image, mut config, mut host, anonymous, changes, copied } = what;
        names::check_container(&name).map_err(Failure::invalid)?;
        let known = Digest::parse(&image).ok().map(|id| self.images.has(&id)).transpose()?.unwrap_or(false);
        if !known {
            return Err(Failure::new(Kind::NotFound, format!("its image {image} is not here")));
        }
        let record = self.images.resolve(&image)?;
        // The name may mean another image here, or none.
        if !self.images.resolve(&config.image).is_ok_and(|named| named.id == record.id) {
            config.image.clone_from(&image);
        }
        keep_command(&mut config, &record.config.config);
        merge::with_image(&mut config, &record.config.config)?;
        let mut notes = fit(&mut host);
        let mut networking = super::config::NetworkingConfig::default();
        notes.extend(check::request(&config, &host, &networking)?);
        self.settle_networking(&mut config, &mut host, &mut networking)?;
        let mut points = self.merge_mounts(&config, &host)?;
        self.name_volumes(&mut points, &anonymous)?;
        let mut container =
            Container { created: created.unwrap_or_else(Time::now), id, ..self.draft(Some(name), config, host, networking, &record)? };
        super::start::log_config(&container)?;
        self.check_name(&container.name)?;
        let made = self.claim_volumes(&mut container, points, &Identity::default(), &mut notes)?.made;
        let _held = writable::hold(&self.run_root, &container.id)?;
        let placed = match &changes {
            Some(changes) => writable::adopt(&self.root, &container.id, changes.as_fd(), copied),
            None => writable::ensure(&self.root, &container.id).map(drop),
        };
        placed.inspect_err(|_failure| self.take_back(&made))?;
        self.publish(&mut container, &[]).inspect_err(|_failure| {
            drop(writable::discard(&self.root, &container.id));
            self.take_back(&made);
        })?;
        writable::adopted(&self.root, &container.id)?;
        self.emit_container(&container, "create", &[]);
        Ok(notes)
    }

    /// Every volume must be here: a container must not find an empty one where its data was.
    fn name_volumes(&self, points: &mut [MountPoint], anonymous: &BTreeMap<String, String>) -> Result<()> {
        for point in points.iter_mut().filter(|point| point.kind == MountType::Volume) {
            if point.name.is_empty()
                && let Some(name) = anonymous.get(&point.destination)
            {
                point.name.clone_from(name);
            }
            if !point.name.is_empty() && self.volumes.get(&point.name).is_err() {
                return Err(Failure::new(Kind::NotFound, format!("its volume {} is not here", point.name)));
            }
        }
        Ok(())
    }
}

/// The definition says what came of image and user together; what the user took away must not come back from the image.
fn keep_command(config: &mut Config, image: &ContainerDefaults) {
    if config.entrypoint.as_ref().is_none_or(Vec::is_empty) && image.entrypoint.as_ref().is_some_and(|words| !words.is_empty()) {
        config.entrypoint = Some(vec![String::new()]);
    }
}

/// What only the other engine can do is replaced by what is nearest here; answers what that was.
fn fit(host: &mut HostConfig) -> Vec<String> {
    let mut notes = Vec::new();
    // runc's and crun's names; ours does what they do.
    if matches!(host.runtime.as_str(), "runc" | "crun" | "io.containerd.runc.v2" | "io.containerd.runtime.v1.linux") {
        host.runtime.clear();
    }
    // Docker's own files never hold a path: this one would name a program for root to run.
    if host.runtime.contains('/') {
        notes.push(format!("its runtime {} is not taken over", host.runtime));
        host.runtime.clear();
    }
    if !matches!(host.log_config.kind.as_str(), "" | "json-file" | "none") {
        notes.push(format!("its log goes to json-file and not to {}", host.log_config.kind));
        host.log_config = Default::default();
    }
    host.container_id_file.clear();
    let mode = host.network_mode.as_str();
    if !matches!(mode, "" | "default" | "none" | "host") && !mode.starts_with("container:") {
        if mode != "bridge" {
            notes.push(format!("it is put on the default network: connect it to {mode} again"));
        }
        "default".clone_into(&mut host.network_mode);
    }
    notes
}
