//! `volume inspect`.

use std::time::Duration;

use serde_json::Value;
use stead_volume::{ImageFs, Quota};

use super::VolumeView;
use super::view::UsageData;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Failure, Result};

/// So long a volume is waited for that does not answer.
pub(super) const SIZE_LIMIT: Duration = Duration::from_secs(2);

/// The same in the background.
const STALE_LIMIT: Duration = Duration::from_secs(60);

impl Engine {
    /// One volume.
    ///
    /// # Errors
    /// `get x: no such volume`.
    pub fn volume_inspect(&self, name: &str) -> Result<VolumeView> {
        let volume = self.volumes.get(name)?;
        let mut view = self.view(&volume);
        let status = view.status.get_or_insert_default();
        status.insert("SnapshotMethod".to_owned(), Value::from(self.volumes.snapshot_method(name)?.as_str()));
        status.insert("Place".to_owned(), Value::from(volume.place.word()));
        if let Some(quota) = volume.limits.quota {
            status.insert("Quota".to_owned(), Value::from(quota_word(quota)));
        }
        if let Some(space) = self.volumes.space(name)? {
            status.insert("Used".to_owned(), Value::from(space.used));
        }
        if let Some(extend) = volume.limits.extend {
            let max = extend.max.map_or_else(String::new, |max| format!(",max={}", stead_base::size::human_binary(max)));
            status.insert("AutoExtend".to_owned(), Value::from(format!("{}%{max}", extend.percent)));
        }
        if !volume.limits.io.is_none() {
            status.insert("IoLimit".to_owned(), serde_json::to_value(volume.limits.io).unwrap_or_default());
        }
        let snapshots = self.volume_snapshot_list(name)?;
        if !snapshots.is_empty() {
            status.insert("Snapshots".to_owned(), snapshots.into_iter().map(|snapshot| Value::from(snapshot.name)).collect());
        }
        if let Some(origin) = volume.origin.clone() {
            status.insert("CloneOf".to_owned(), Value::from(origin));
        }
        let usage = self.usage_of(&volume, self.volume_users(&volume)?, self.volumes.known_size(&volume));
        usage.tell(status);
        Ok(view)
    }

    /// Measures a volume for as long as that takes: the role of a process that somebody else may leave behind.
    ///
    /// # Errors
    /// As inspect; it cannot be read.
    pub fn volume_measure(&self, name: &str) -> Result<u64> {
        Ok(self.volumes.measure_here(name)?.bytes)
    }

    /// Whether sizes are worth measuring again: nobody knows them, or what is known is old.
    ///
    /// # Errors
    /// The volumes cannot be listed.
    pub fn has_stale_sizes(&self) -> Result<bool> {
        Ok(self.volumes.list()?.iter().flatten().any(|volume| self.volumes.is_size_stale(volume)))
    }

    /// Measures the volumes whose size nobody knows or has known for long; one such look at a time.
    ///
    /// # Errors
    /// The volumes cannot be listed. One that does not answer disturbs no other.
    pub fn volume_measure_stale(&self) -> Result<()> {
        Ok(self.volumes.measure_stale(STALE_LIMIT)?)
    }

    /// The same with its size and the number of its users.
    ///
    /// # Errors
    /// As [`Engine::volume_inspect`]; the volume cannot be read.
    pub(crate) fn volume_with_usage(&self, view: VolumeView) -> Result<VolumeView> {
        let users = self.store.read(|tx| Ok::<_, Failure>(tx.referrers(VOLUME_KIND, &view.name)?.len()))?;
        let measured = self.volumes.get(&view.name).and_then(|volume| self.volumes.measure(&volume, SIZE_LIMIT));
        // One that does not answer disturbs no other.
        let size = measured.ok().and_then(|size| i64::try_from(size.bytes).ok()).unwrap_or(-1);
        let usage_data = Some(UsageData { size, ref_count: i64::try_from(users).unwrap_or(i64::MAX) });
        Ok(VolumeView { usage_data, ..view })
    }
}

/// What keeps a volume to its size.
fn quota_word(quota: Quota) -> &'static str {
    match quota {
        Quota::Qgroup => "qgroup",
        Quota::Project => "project",
        Quota::Image { fs: ImageFs::Ext4 } => "image (ext4)",
        Quota::Image { fs: ImageFs::Xfs } => "image (xfs)",
    }
}
