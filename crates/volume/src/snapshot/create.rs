//! `volume snapshot create`: begun, taken, published.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stead_base::time::Time;
use stead_mount::names::check_snapshot_name;
use stead_sys::durable;
use stead_sys::lock::Lock;

use super::method::{self, Method, Prepared, Site, Stats, Taken};
use super::{SNAPSHOTS, Snapshot, Why, note};
use crate::driver::Storage;
use crate::error::disk;
use crate::held::Holder;
use crate::staging::{self, Staging};
use crate::{Error, Result, Volume, Volumes};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// The volume.
    pub volume: String,
    /// `None`: the time, as `20260102T030405Z`.
    pub name: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Who wants it.
    pub why: Why,
    /// The group that it is taken with.
    pub group: Option<String>,
}

/// A snapshot on its way. Dropped unpublished, nothing of it stays. Holds the volume's lock: nobody removes, fills or snapshots it meanwhile.
#[derive(Debug)]
pub struct Pending {
    volumes: Volumes,
    volume: Volume,
    snapshot: Snapshot,
    site: Site,
    prepared: Option<Prepared>,
    stats: Option<Stats>,
    taken: Taken,
    stage: Option<Staging>,
    /// Below everything that has the content open: a device that is busy stays mounted.
    _mounted: Mounted,
    lock: Option<Lock>,
}

impl Volumes {
    /// Does all that can be done while the volume is written to.
    ///
    /// # Errors
    /// [`Error::NotFound`], a name that can not be or is taken, [`Error::NothingThere`] for a volume in memory that nobody uses, a device that can
    /// not be mounted, the disk. Nothing is left behind.
    pub fn snapshot_begin(&self, request: &SnapshotRequest) -> Result<Pending> {
        let name = &request.volume;
        self.get(name)?;
        let lock = self.lock(name)?;
        let volume = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.clone() })?;
        self.begin_locked(volume, request, Some(lock))
    }

    /// The same for whoever has the lock already, and gives it or keeps it.
    pub(crate) fn begin_locked(&self, volume: Volume, request: &SnapshotRequest, lock: Option<Lock>) -> Result<Pending> {
        self.finish_population(&volume)?;
        let now = Time::now();
        let name = match &request.name {
            Some(name) => name.clone(),
            None => self.free_name(&volume.name, &time_name(now)),
        };
        check_snapshot_name(&name).map_err(|source| Error::Snapshot { volume: volume.name.clone(), snapshot: name.clone(), source })?;
        if self.snapshot_home(&volume.name, &name).symlink_metadata().is_ok() {
            return Err(Error::SnapshotExists { volume: volume.name, snapshot: name });
        }
        let holder = self.hold_for_reading(&volume)?;
        // Dropped, it lets go of the device.
        let mounted = Mounted { volumes: self.clone(), volume: volume.clone(), holder };
        let (stage, site) = self.stage_snapshot(&volume)?;
        let method = method::between(&site.source, &site.staged);
        let snapshot = Snapshot {
            name,
            uuid: durable::unique_name()?,
            volume: volume.uuid.clone(),
            created_at: now,
            method,
            why: request.why,
            group: request.group.clone(),
            labels: request.labels.clone(),
            bytes: None,
            entries: None,
        };
        let volumes = self.clone();
        let mut pending = Pending {
            volumes,
            volume,
            snapshot,
            site,
            prepared: None,
            stats: None,
            taken: Taken::Nothing,
            stage: Some(stage),
            _mounted: mounted,
            lock,
        };
        let prepared = method::prepare(method, &pending.site).map_err(disk("snapshot", &pending.volume.name))?;
        pending.prepared = Some(prepared);
        Ok(pending)
    }

    fn stage_snapshot(&self, volume: &Volume) -> Result<(Staging, Site)> {
        let failed = disk("snapshot", &volume.name);
        let stage = Staging::new(&self.area_of(&volume.name), &self.run_root)?;
        let site = Site {
            source: method::open(&self.path(&volume.name)).map_err(&failed)?,
            staged: method::open(stage.path()).map_err(&failed)?,
            staged_path: stage.path().to_path_buf(),
            area: self.area_of(&volume.name),
            previous: self.newest_shared(&volume.name),
        };
        Ok((stage, site))
    }

    fn newest_shared(&self, volume: &str) -> Option<PathBuf> {
        let mut all = self.snapshots(volume).unwrap_or_default();
        all.retain(|snapshot| snapshot.method == Method::Shared);
        all.pop().map(|newest| self.snapshot_home(volume, &newest.name))
    }

    /// Mounts what has to be mounted to be read. `None`: nothing has to.
    pub(crate) fn hold_for_reading(&self, volume: &Volume) -> Result<Option<Holder>> {
        let driver = self.driver(volume)?;
        match driver.storage(volume)? {
            Storage::Directory => return Ok(None),
            Storage::Memory if driver.is_idle(volume)? => return Err(Error::NothingThere { name: volume.name.clone() }),
            Storage::Memory | Storage::Device => {}
        }
        let holder = self.verb_holder()?;
        driver.mount(volume, holder.name())?;
        Ok(Some(holder))
    }

    pub(crate) fn let_go(&self, volume: &Volume, holder: Option<Holder>) {
        if let Some(holder) = holder
            && let Ok(driver) = self.driver(volume)
        {
            // What stays mounted is found by the next repair, because its holder is nobody.
            driver.unmount(volume, holder.name()).ok();
        }
    }

    /// `wanted`, or that with a number behind it.
    pub(crate) fn free_name(&self, volume: &str, wanted: &str) -> String {
        let taken = |name: &str| self.snapshot_home(volume, name).symlink_metadata().is_ok();
        if !taken(wanted) {
            return wanted.to_owned();
        }
        (2_u64..).map(|n| format!("{wanted}-{n}")).find(|name| !taken(name)).unwrap_or_else(|| wanted.to_owned())
    }
}

impl Pending {
    /// The volume's name.
    #[must_use]
    pub fn volume(&self) -> &str {
        &self.volume.name
    }

    /// The name it will have.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.snapshot.name
    }

    /// How it is made.
    #[must_use]
    pub fn method(&self) -> Method {
        self.snapshot.method
    }

    /// Takes the state as it is now; those who write should stand still until this returns.
    ///
    /// # Errors
    /// The disk; then drop it.
    pub fn take(&mut self) -> Result<()> {
        self.snapshot.created_at = Time::now();
        let prepared = self.prepared.take().unwrap_or(Prepared::Nothing);
        let (stats, taken) = method::take(self.snapshot.method, &self.site, prepared).map_err(disk("snapshot", &self.volume.name))?;
        (self.stats, self.taken) = (Some(stats), taken);
        Ok(())
    }

    /// Gives the snapshot its name. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// The disk: there is no snapshot then.
    pub fn publish(mut self) -> Result<Snapshot> {
        self.finish()
    }

    /// The same, and the volume stays locked.
    pub(crate) fn publish_locked(mut self) -> Result<(Snapshot, Option<Lock>)> {
        Ok((self.finish()?, self.lock.take()))
    }

    fn finish(&mut self) -> Result<Snapshot> {
        if self.stats.is_none() {
            self.take()?;
        }
        let failed = disk("snapshot", &self.volume.name);
        let mut stats = self.stats.unwrap_or_default();
        method::flush(self.snapshot.method, &self.site, &mut self.taken, &mut stats).map_err(&failed)?;
        (self.snapshot.bytes, self.snapshot.entries) = (stats.bytes, stats.entries);
        note::write(&self.site.staged_path, &self.snapshot)?;
        let below = self.volumes.home(&self.volume.name).join(SNAPSHOTS);
        staging::make(&below, 0o700).map_err(&failed)?;
        if let Some(stage) = self.stage.take() {
            stage.publish(&below.join(&self.snapshot.name)).map_err(&failed)?;
        }
        Ok(self.snapshot.clone())
    }
}

/// A device that is mounted for a snapshot, under the name `holder`; none for a directory.
#[derive(Debug)]
struct Mounted {
    volumes: Volumes,
    volume: Volume,
    holder: Option<Holder>,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.volumes.let_go(&self.volume, self.holder.take());
    }
}

/// `20260102T030405Z`: sorts as it happened, and is a name.
pub(crate) fn time_name(now: Time) -> String {
    now.rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect()
}
