//! `volume inspect`.

use super::VolumeView;
use super::view::UsageData;
use crate::container::record::VOLUME_KIND;
use crate::{Engine, Failure, Result};

impl Engine {
    /// One volume.
    ///
    /// # Errors
    /// `get x: no such volume`.
    pub fn volume_inspect(&self, name: &str) -> Result<VolumeView> {
        Ok(self.view(&self.volumes.get(name)?))
    }

    /// The same with its size and the number of its users.
    ///
    /// # Errors
    /// As [`Engine::volume_inspect`]; the volume cannot be read.
    pub(crate) fn volume_with_usage(&self, view: VolumeView) -> Result<VolumeView> {
        let users = self.store.read(|tx| Ok::<_, Failure>(tx.referrers(VOLUME_KIND, &view.name)?.len()))?;
        let size = self.volumes.usage(&view.name).ok().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1);
        let usage_data = Some(UsageData { size, ref_count: i64::try_from(users).unwrap_or(i64::MAX) });
        Ok(VolumeView { usage_data, ..view })
    }
}
