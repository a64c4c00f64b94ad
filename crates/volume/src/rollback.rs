//! `volume rollback`: the present becomes a snapshot, the past a staged tree, and then the two trees change places in one step.

use std::path::Path;

use rustix::fs::{self, Timespec, Timestamps};
use stead_base::time::Time;
use stead_mount::activate::{self, Barred};
use stead_store::Record;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::driver::Storage;
use crate::error::disk;
use crate::place::{IMAGE, key};
use crate::record::{Place, State, Volume};
use crate::remove::mount_below;
use crate::snapshot::{Snapshot, SnapshotRequest, Why, open, time_name};
use crate::staging::Staging;
use crate::{Error, Result, Volumes, sidecar};

impl Volumes {
    /// Gives a volume the content of one of its snapshots. `users` is asked while no record can change, with the ids of all who refer to the volume:
    /// none of them may run. Answers the snapshot of what was there before.
    ///
    /// A crash before the exchange leaves the content as it was (and perhaps the snapshot of it); after it, the rollback is whole.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSnapshot`], [`Error::OnDevice`], [`Error::Mounted`], what `users` says, the disk. The content is what it was.
    pub fn rollback<E>(&self, name: &str, snapshot: &str, users: impl FnOnce(&[String]) -> Result<(), E>) -> Result<Snapshot, E>
    where
        E: From<Error> + From<stead_store::Error>,
    {
        self.snapshot(name, snapshot)?;
        let lock = self.lock(name)?;
        let volume = self.settled(name)?.ok_or_else(|| Error::NotFound { name: name.to_owned() })?;
        let past = self.snapshot(name, snapshot)?;
        if self.driver(&volume)?.storage(&volume)? != Storage::Directory && volume.place != Place::Image {
            return Err(Error::OnDevice { name: name.to_owned(), snapshot: snapshot.to_owned() }.into());
        }
        if volume.place == Place::Image {
            self.let_dead_verbs_go(&key(&volume))?;
        }
        if let Some(at) = mount_below(&self.path(name))? {
            return Err(Error::Mounted { name: name.to_owned(), at }.into());
        }
        let failed = disk("rollback", name);
        let stage = Staging::new(&self.area_of(name), &self.run_root)?;
        self.restore_as(&volume, past.method, &self.snapshot_home(name, snapshot), stage.path())?;
        // What commands write is in the snapshot, or they write to what is there afterwards.
        let _no_writers = self.keep_writers_out(name)?;
        let (before, _lock) = self.keep_present(&volume, lock)?;
        let what = if volume.place == Place::Image { IMAGE } else { "_data" };
        let (staged, data) = (stage.path().join(what), self.home(name).join(what));
        let _unmounted = self.keep_unmounted(&volume)?;
        self.store.publish(|tx| {
            let ids: Vec<String> = tx.referrers(Volume::KIND, name)?.into_iter().map(|(_, id)| id).collect();
            users(&ids)?;
            let exchanged = if volume.place == Place::Image { durable::rename_exchange(&staged, &data) } else { exchange(&staged, &data) };
            exchanged.map_err(&failed)?;
            Ok::<_, E>(())
        })?;
        // What was there is in the staging directory now, and goes to the trash with it.
        drop(stage);
        self.never_populate(volume)?;
        Ok(before)
    }

    /// Nobody mounts its image while this is held.
    pub(crate) fn keep_unmounted(&self, volume: &Volume) -> Result<Option<Barred>> {
        if volume.place != Place::Image {
            return Ok(None);
        }
        self.let_dead_verbs_go(&key(volume))?;
        let barred = activate::bar(&self.run_root, &key(volume))?;
        barred.map(Some).ok_or_else(|| Error::Mounted { name: volume.name.clone(), at: self.path(&volume.name) })
    }

    fn keep_present(&self, volume: &Volume, lock: Lock) -> Result<(Snapshot, Option<Lock>)> {
        let name = self.free_name(&volume.name, &format!("before-rollback-{}", time_name(Time::now())));
        let request =
            SnapshotRequest { volume: volume.name.clone(), name: Some(name), why: Why::BeforeRollback, ..SnapshotRequest::default() };
        self.begin_locked(volume.clone(), &request, Some(lock))?.publish_locked()
    }

    fn never_populate(&self, mut volume: Volume) -> Result<()> {
        if volume.state == State::Ready {
            return Ok(());
        }
        volume.state = State::Ready;
        sidecar::write(&self.home(&volume.name), &volume)?;
        self.store.publish(|tx| tx.put(&volume))?;
        Ok(())
    }
}

/// Exchanges the two trees, durably. XFS takes a directory that comes below another parent for one that was written to; it was not.
pub(crate) fn exchange(staged: &Path, data: &Path) -> Result<(), stead_sys::Error> {
    let failed = |op: &'static str| move |e| stead_sys::Error::new(op, data, e);
    let past = open(staged)?;
    let stat = fs::fstat(&past).map_err(failed("stat"))?;
    durable::rename_exchange(staged, data)?;
    let time = |seconds, nanos| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
    let times =
        Timestamps { last_access: time(stat.st_atime, stat.st_atime_nsec), last_modification: time(stat.st_mtime, stat.st_mtime_nsec) };
    fs::futimens(&past, &times).map_err(failed("utimens"))?;
    fs::fsync(&past).map_err(failed("fsync"))
}
