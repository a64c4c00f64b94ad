//! What is left to do when a container has ended and nobody in the foreground does it.

use crate::{Engine, Result};

impl Engine {
    /// Unmounts what volume drivers mounted for the container, and removes it if it was started with `--rm`.
    /// Run by the monitor after the exit is on disk; harmless at any other time.
    ///
    /// # Errors
    /// An unmount or the removal failed; the next command tries again.
    pub fn container_reap(&self, id: &str) -> Result<()> {
        let container = match self.container(id) {
            Ok(container) => container,
            Err(gone) if gone.kind == stead_base::Kind::NotFound => return Ok(()),
            Err(other) => return Err(other),
        };
        if self.now(&container.id).is_alive() {
            return Ok(());
        }
        self.release_ended_network(&container)?;
        if container.host.auto_remove {
            return self.remove_stopped(&container, true);
        }
        self.release_mounts(&container)
    }

    /// Gives back what the container has on the network, unless somebody starts it at this very moment.
    pub(super) fn release_ended_network(&self, container: &super::record::Container) -> Result<()> {
        let _held = self.hold_rootfs(&container.id)?;
        if self.now(&container.id).is_alive() { Ok(()) } else { self.release_network(container) }
    }
}
