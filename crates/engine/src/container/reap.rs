//! What is left to do when a container has ended and nobody in the foreground does it.

use std::time::Duration;

use stead_layer::writable::{self, Hold};

use super::remove::Fate;
use crate::{Engine, Result};

/// A monitor waits for who follows its container, and a start waits two seconds for that monitor: who follows must not wait for the start that long.
const FOLLOWER_WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Unmounts what volume drivers mounted for the container, and removes it if it was started with `--rm`.
    /// Run by the monitor after the exit is on disk; harmless at any other time.
    ///
    /// # Errors
    /// An unmount or the removal failed; the next command tries again.
    pub fn container_reap(&self, id: &str) -> Result<()> {
        self.reap(id, &|id| Ok(Some(self.hold_rootfs(id)?)))
    }

    /// The same for who followed the container to its end while its monitor waits: where somebody else is at work on the container it is left to them.
    ///
    /// # Errors
    /// As [`Engine::container_reap`].
    pub fn container_reap_attached(&self, id: &str) -> Result<()> {
        self.reap(id, &|id| Ok(writable::hold_within(&self.run_root, id, FOLLOWER_WAIT)?))
    }

    fn reap(&self, id: &str, hold: &dyn Fn(&str) -> Result<Option<Hold>>) -> Result<()> {
        let container = match self.container(id) {
            Ok(container) => container,
            Err(gone) if gone.kind == stead_base::Kind::NotFound => return Ok(()),
            Err(other) => return Err(other),
        };
        let Some(held) = hold(&container.id)? else { return Ok(()) };
        if container.host.auto_remove {
            return self.remove_held(&container, Fate::WITH_CONTAINER, held).map(drop);
        }
        if self.now(&container.id).is_kept() {
            return Ok(());
        }
        let mounts = self.release_mounts(&container);
        self.release_network(&container)?;
        mounts
    }
}
