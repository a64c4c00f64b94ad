//! When a volume's schedule ran last: `schedule.json` in its directory, and the snapshots that the schedule took.

use std::io::Read as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::error::disk;
use crate::record::Volume;
use crate::snapshot::{Snapshot, Why};
use crate::{Error, Result, Volumes, staging};

const FILE: &str = "schedule.json";
const LENGTH_MAX: u64 = 1 << 16;

#[derive(Serialize, Deserialize)]
struct Memory {
    version: u32,
    last_run: Time,
}

impl Volumes {
    /// When the schedule ran last before `now`. Where nothing is known of a run, the volume's creation is what counts. What is in the future was noted
    /// by a clock that was wrong: it says nothing, or nothing would be due for years.
    #[must_use]
    pub fn last_run(&self, volume: &Volume, snapshots: &[Snapshot], now: Time) -> Time {
        let is_past = |moment: &Time| *moment <= now;
        let noted = self.noted_run(&volume.name).filter(is_past).unwrap_or(volume.created_at);
        // A crash between the snapshot and the note: the snapshot says it.
        let taken = snapshots.iter().filter(|snapshot| snapshot.why == Why::Schedule).map(|snapshot| snapshot.created_at);
        taken.chain([noted]).filter(is_past).max().unwrap_or(Time::from_nanos(0))
    }

    fn noted_run(&self, name: &str) -> Option<Time> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.home(name).join(FILE)).ok()?.take(LENGTH_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice::<Memory>(&bytes).ok().map(|memory| memory.last_run)
    }

    /// Notes a run, durably.
    ///
    /// # Errors
    /// The disk.
    pub fn note_run(&self, name: &str, at: Time) -> Result<()> {
        let _lock = self.lock(name)?;
        self.get(name)?;
        let bytes = serde_json::to_vec(&Memory { version: 1, last_run: at })
            .map_err(|source| Error::Store(stead_store::Error::Encode { kind: "schedule", id: name.to_owned(), source }))?;
        durable::replace_file(&self.home(name).join(FILE), &bytes, 0o600).map_err(disk("schedule", name))
    }

    /// Held by whoever does what is due; `None` while somebody else does.
    ///
    /// # Errors
    /// The lock's.
    pub fn turn_at_schedules(&self) -> Result<Option<Lock>> {
        staging::make(&self.run_root.locks(), 0o711)?;
        Ok(Lock::exclusive_within(&self.run_root.locks().join("schedules"), Duration::from_millis(50))?)
    }

    /// Volumes with a schedule, from the records: cheap enough to be asked every minute.
    ///
    /// # Errors
    /// The records'.
    pub fn scheduled(&self) -> Result<Vec<Volume>> {
        let records = self.store.read(|tx| tx.list::<Volume>())?;
        Ok(records.into_iter().filter_map(std::result::Result::ok).filter(|volume| volume.labels.contains_key(super::SCHEDULE)).collect())
    }
}
