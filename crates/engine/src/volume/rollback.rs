//! `volume rollback`: what is there now is kept as a snapshot, and a snapshot's content takes its place in one step.

use stead_base::Kind;

use super::snapshot::SnapshotView;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Failure, Result};

/// So many times containers come in between before it is given up.
const TRIES: usize = 20;

impl Engine {
    /// Gives a volume the content of one of its snapshots. Answers the snapshot that was taken of what was there before.
    ///
    /// # Errors
    /// No such volume or snapshot; a container that uses the volume runs; its content lies on a device; the disk. The content is then what it was.
    pub fn volume_rollback(&self, volume: &str, snapshot: &str) -> Result<SnapshotView> {
        let mut tries = 0;
        let before = loop {
            match self.roll_back(volume, snapshot) {
                // A container came in between: it is held too, the next time.
                Err(failure) if failure.kind == Kind::Unavailable && tries < TRIES => tries += 1,
                other => break other?,
            }
        };
        self.emit_volume(volume, "rollback", &[("before", &before.name), ("snapshot", snapshot)]);
        Ok(self.snapshot_view(volume, &before))
    }

    fn roll_back(&self, volume: &str, snapshot: &str) -> Result<stead_volume::Snapshot> {
        let mut ids: Vec<String> = self.store.read(|tx| tx.referrers(VOLUME_KIND, volume))?.into_iter().map(|(_, id)| id).collect();
        // In an order that all agree on; nobody starts one of them while we have its lock.
        ids.sort();
        self.refuse_running("rollback", volume, &ids)?;
        let mut held = Vec::new();
        for id in &ids {
            held.push(self.hold_rootfs(id)?);
        }
        self.refuse_running("rollback", volume, &ids)?;
        self.volumes.rollback(volume, snapshot, |users: &[String]| {
            if users.iter().any(|id| !ids.contains(id)) {
                return Err(Failure::new(Kind::Unavailable, format!("rollback {volume}: containers are made that use it")));
            }
            Ok::<_, Failure>(())
        })
    }
}
