//! `volume clone`: a new volume with the content of another, or of one of its snapshots.

use stead_base::Kind;
use stead_volume::{CloneRequest, SnapshotRequest, Why};

use super::VolumeView;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Result};

impl Engine {
    /// Makes the volume `request.new`. A volume in use is cloned by way of a snapshot, for which its users stand still; of one that nobody uses
    /// the content itself is cloned.
    ///
    /// # Errors
    /// No such volume or snapshot, a name that cannot be or is taken, the disk: there is no new volume then.
    pub fn volume_clone(&self, request: &CloneRequest) -> Result<VolumeView> {
        let volume = match &request.snapshot {
            Some(_) => self.volumes.clone_volume(request, |_users| true)?,
            None => match self.clone_unused(request) {
                Err(failure) if failure.kind == Kind::InUse => self.clone_used(request)?,
                other => other?,
            },
        };
        let from = match &request.snapshot {
            Some(snapshot) => format!("{}@{snapshot}", request.volume),
            None => request.volume.clone(),
        };
        self.emit_volume(&volume.name, "create", &[("clone-of", &from), ("driver", &volume.driver)]);
        Ok(self.view(&volume))
    }

    /// Nobody runs who uses it, and nobody may begin to before it is done.
    fn clone_unused(&self, request: &CloneRequest) -> Result<stead_volume::Volume> {
        let mut ids: Vec<String> =
            self.store.read(|tx| tx.referrers(VOLUME_KIND, &request.volume))?.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        self.refuse_running("clone", &request.volume, &ids)?;
        let mut held = Vec::new();
        for id in &ids {
            held.push(self.hold_rootfs(id)?);
        }
        self.refuse_running("clone", &request.volume, &ids)?;
        // A container that was made meanwhile may have run.
        Ok(self.volumes.clone_volume(request, |users| users.iter().all(|id| ids.contains(id)))?)
    }

    fn clone_used(&self, request: &CloneRequest) -> Result<stead_volume::Volume> {
        self.volumes.check_clone(request)?;
        let _cloning = self.volumes.hold_clone()?;
        let wanted = SnapshotRequest { volume: request.volume.clone(), name: None, why: Why::Clone, ..SnapshotRequest::default() };
        let snapshot = self.volume_snapshot_create(&wanted)?;
        let of_snapshot = CloneRequest { snapshot: Some(snapshot.name.clone()), ..request.clone() };
        let cloned = self.volumes.clone_volume(&of_snapshot, |_users| true);
        let removed = self.volume_snapshot_remove(&request.volume, &snapshot.name);
        let cloned = cloned?;
        // The clone is there, whatever became of the snapshot; a repair removes what was left.
        if let Err(failure) = removed
            && failure.kind != Kind::NotFound
        {
            self.warn(&format!("{}@{}, which was taken for the clone, is still there: {failure}", request.volume, snapshot.name));
        }
        Ok(cloned)
    }

    /// Refuses when one of the containers runs, or one that has the volume's directory by its path on the host.
    pub(super) fn refuse_running(&self, act: &'static str, name: &str, ids: &[String]) -> Result<()> {
        let by_path = self.writers_by_path(&[name])?;
        let mut users: Vec<String> =
            ids.iter().cloned().chain(by_path).filter(|id| self.now(id).is_alive() || self.now(id).is_kept()).collect();
        users.sort();
        users.dedup();
        if users.is_empty() { Ok(()) } else { Err(stead_volume::Error::Busy { act, name: name.to_owned(), users }.into()) }
    }
}
