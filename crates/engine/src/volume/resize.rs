//! `volume resize`.

use stead_base::size;

use super::VolumeView;
use crate::{Engine, Result};

impl Engine {
    /// Gives a volume another size while it is used; `None` lifts a limit that is a quota.
    ///
    /// # Errors
    /// No such volume; it holds more; a file system of its own would shrink; nothing here can limit it.
    pub fn volume_resize(&self, name: &str, bytes: Option<u64>) -> Result<VolumeView> {
        let before = self.volumes.get(name)?.limits.size;
        let volume = self.volumes.resize(name, bytes)?;
        let shown = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), size::human_binary);
        self.emit_volume(name, "resize", &[("driver", &volume.driver), ("size", &shown(bytes)), ("oldSize", &shown(before))]);
        self.volume_inspect(name)
    }
}
