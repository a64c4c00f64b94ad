//! `volume snapshot create`.

use stead_volume::{Snapshot, SnapshotRequest};

use super::SnapshotView;
use crate::{Engine, Result};

impl Engine {
    /// Takes a snapshot of a volume, used or not. When it returns, the snapshot survives a power cut.
    ///
    /// # Errors
    /// No such volume, a name that cannot be or is taken, nothing to read, the disk: there is no snapshot then.
    pub fn volume_snapshot_create(&self, request: &SnapshotRequest) -> Result<SnapshotView> {
        let mut pending = self.volumes.snapshot_begin(request)?;
        let ((), pause) = self.while_still(&[&request.volume], || Ok(pending.take()?))?;
        let snapshot = pending.publish()?;
        self.tell_snapshot(&request.volume, "snapshot", &snapshot);
        let view = self.snapshot_view(&request.volume, &snapshot);
        Ok(SnapshotView { pause_ms: pause.map(|pause| pause.as_secs_f64() * 1000.0), ..view })
    }

    pub(crate) fn tell_snapshot(&self, volume: &str, action: &str, snapshot: &Snapshot) {
        let (method, why) = (snapshot.method.as_str(), snapshot.why.as_str());
        self.emit_volume(volume, action, &[("method", method), ("snapshot", &snapshot.name), ("why", why)]);
    }
}
