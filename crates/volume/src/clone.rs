//! `volume clone`: a whole new volume, staged, then one rename.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use stead_base::time::Time;
use stead_mount::names::check_volume_name;
use stead_sys::durable;
use stead_sys::lock::{self, Lock};

use crate::driver::Storage;
use crate::error::disk;
use crate::record::{ANONYMOUS_LABEL, Place, Quota, State, Volume};
use crate::snapshot::{Method, duplicate, duplicate_content, open, restore, restore_into};
use crate::staging::{self, Staging};
use crate::{Error, Result, Volumes, place, sidecar};

/// Labels that say whose a volume is. A clone with them would go with the project's own volumes at its `down -v`.
const COMPOSE: &str = "com.docker.compose.";

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloneRequest {
    /// The volume.
    pub volume: String,
    /// Its snapshot; `None`: what it has now.
    pub snapshot: Option<String>,
    /// The new volume's name.
    pub new: String,
    /// Labels of the new volume, beside those of the old one.
    pub labels: BTreeMap<String, String>,
}

impl Volumes {
    /// Refuses what can not be, before anybody stands still for it.
    ///
    /// # Errors
    /// As [`Volumes::clone_volume`].
    pub fn check_clone(&self, request: &CloneRequest) -> Result<()> {
        let new = &request.new;
        check_volume_name(new).map_err(|source| Error::Name { name: new.clone(), source })?;
        self.get(&request.volume)?;
        if let Some(snapshot) = &request.snapshot {
            self.snapshot(&request.volume, snapshot)?;
        }
        if self.is_taken(new)? {
            return Err(Error::Taken { act: "clone", name: request.volume.clone(), taken: new.clone() });
        }
        Ok(())
    }

    /// Makes the new volume. Where no snapshot is named, nobody may write to the volume meanwhile: `is_unused` is asked at the end, with the ids of
    /// all who refer to it. The clone is never populated from an image.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSnapshot`], [`Error::Taken`], a name that can not be, [`Error::Busy`], the disk. There is no new volume then.
    pub fn clone_volume(&self, request: &CloneRequest, is_unused: impl FnOnce(&[String]) -> bool) -> Result<Volume> {
        self.check_clone(request)?;
        let _locks = self.lock_all(&[&request.volume, &request.new])?;
        self.check_clone(request)?;
        let source = self.settled(&request.volume)?.ok_or_else(|| Error::NotFound { name: request.volume.clone() })?;
        let failed = disk("clone", &request.volume);
        let area = self.area_of(&source.name);
        let stage = Staging::new(&area, &self.run_root)?;
        let volume = self.twin(&source, request)?;
        if let Some(name) = &request.snapshot {
            let snapshot = self.snapshot(&request.volume, name)?;
            self.restore_as(&volume, snapshot.method, &self.snapshot_home(&request.volume, name), stage.path())?;
        } else {
            self.finish_population(&source)?;
            let holder = self.hold_for_reading(&source)?;
            let done = self.duplicate_as(&volume, &self.path(&source.name), stage.path());
            self.let_go(&source, holder);
            done?;
            let users = self.users(&source.name)?;
            if !is_unused(&users) {
                return Err(Error::Busy { act: "clone", name: source.name, users });
            }
        }
        sidecar::write(stage.path(), &volume)?;
        stage.publish(&area.join(&volume.name)).map_err(&failed)?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(volume)
    }

    /// Makes the staged content of `volume` from a snapshot.
    pub(crate) fn restore_as(&self, volume: &Volume, method: Method, snapshot: &Path, stage: &Path) -> Result<()> {
        if volume.place == Place::Image {
            return self.fill_image(stage, volume, |data| restore_into(method, snapshot, data).map_err(place::does_not_fit(volume)));
        }
        if let Some(data) = self.project_first(stage, volume)? {
            restore_into(method, snapshot, &data).map_err(place::does_not_fit(volume))?;
            return durable::sync_fs(&data, stage).map_err(disk("restore", &volume.name));
        }
        restore(method, snapshot, stage).map_err(disk("restore", &volume.name))?;
        self.limit_content(stage, volume)
    }

    /// The same from a directory.
    fn duplicate_as(&self, volume: &Volume, content: &Path, stage: &Path) -> Result<()> {
        if volume.place == Place::Image {
            return self.fill_image(stage, volume, |data| duplicate_content(content, data).map_err(place::does_not_fit(volume)));
        }
        if let Some(data) = self.project_first(stage, volume)? {
            duplicate_content(content, &data).map_err(place::does_not_fit(volume))?;
            return durable::sync_fs(&data, stage).map_err(disk("clone", &volume.name));
        }
        duplicate(content, stage).map_err(disk("clone", &volume.name))?;
        self.limit_content(stage, volume)
    }

    /// The empty content of a volume that a project limits: what is made in it afterwards, symbolic links too, has the project from the beginning.
    fn project_first(&self, stage: &Path, volume: &Volume) -> Result<Option<OwnedFd>> {
        if volume.limits.quota != Some(Quota::Project)
            || volume.limits.size.is_none()
            || self.can_limit(&self.area_of(&volume.name)).is_none()
        {
            return Ok(None);
        }
        self.make_content(stage, volume)?;
        open(&stage.join("_data")).map(Some).map_err(disk("clone", &volume.name))
    }

    /// Held by whoever clones by way of a snapshot, so that a repair tells it from one that an interrupted clone left.
    ///
    /// # Errors
    /// The lock can not be had.
    pub fn hold_clone(&self) -> Result<Lock> {
        Ok(Lock::shared(&self.clones_lock()?)?)
    }

    pub(crate) fn is_cloning(&self) -> Result<bool> {
        Ok(lock::is_locked(&self.clones_lock()?)?)
    }

    fn clones_lock(&self) -> Result<PathBuf> {
        staging::make(&self.run_root.locks(), 0o711)?;
        Ok(self.run_root.locks().join("volumes-cloning"))
    }

    /// What the new volume says of itself: everything the old one does, but for what names that one alone.
    fn twin(&self, source: &Volume, request: &CloneRequest) -> Result<Volume> {
        let mut labels = source.labels.clone();
        labels.retain(|key, _| key != ANONYMOUS_LABEL && !key.starts_with(COMPOSE));
        labels.extend(request.labels.clone());
        let mut volume = Volume {
            name: request.new.clone(),
            uuid: durable::unique_name()?,
            labels,
            created_at: Time::now(),
            anonymous: false,
            state: State::Ready,
            protected: false,
            last_holder: None,
            origin: Some(match &request.snapshot {
                Some(snapshot) => format!("{}@{snapshot}", request.volume),
                None => request.volume.clone(),
            }),
            ..source.clone()
        };
        // Two volumes can not have one device: the content of the new one lies in its own directory.
        if source.place != Place::Image && self.driver(source)?.storage(source)? != Storage::Directory {
            volume.options.clear();
        }
        Ok(volume)
    }
}
