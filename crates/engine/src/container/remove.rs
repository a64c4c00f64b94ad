//! Removing a container: its record first, in one step that also frees its volumes; its files after that.

use stead_base::Kind;
use stead_layer::writable;

use super::record::{Container, KIND, VOLUME_KIND};
use crate::{Engine, Failure, Result};

/// How a container is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove the volumes that nobody named and nobody else uses.
    pub volumes: bool,
}

impl Engine {
    /// Removes a container. Its writable layer is moved to the trash and deleted there, so that a crash in between leaves nothing half there.
    ///
    /// # Errors
    /// It runs and `force` is not given; no such container.
    pub fn container_remove(&self, typed: &str, options: RemoveOptions) -> Result<()> {
        if let Some(id) = self.damaged(typed)? {
            return self.remove_damaged(&id, options.force);
        }
        let container = self.container(typed)?;
        let now = self.now(&container.id);
        if now.is_alive() {
            if !options.force {
                let state = now.status;
                return Err(Failure::new(
                    Kind::Conflict,
                    format!(
                        "cannot remove container \"/{}\": container is {state}: stop the container before removing or force remove",
                        container.name
                    ),
                ));
            }
            self.end(&container.id)?;
        }
        self.remove_stopped(&container, options.volumes)
    }

    /// The id of a container whose record is there and cannot be believed.
    fn damaged(&self, typed: &str) -> Result<Option<String>> {
        let wanted = typed.strip_prefix('/').unwrap_or(typed);
        let by_id = self.store.read(|tx| tx.get::<Container>(wanted));
        for outcome in [by_id, self.store.read(|tx| tx.by_name::<Container>(wanted))] {
            match outcome {
                Err(stead_store::Error::Bad(bad)) => return Ok(Some(bad.id)),
                other => other?,
            };
        }
        Ok(None)
    }

    /// Without its record nothing is known of a container but its id: only somebody who insists gets rid of it. Its volumes stay.
    fn remove_damaged(&self, id: &str, force: bool) -> Result<()> {
        if !force {
            return Err(Failure::new(Kind::Conflict, format!("the record of container {id} is damaged"))
                .with_hint(format!("'stead rm -f {id}' removes it with what it wrote outside of volumes")));
        }
        self.end(id)?;
        let _held = self.hold_rootfs(id)?;
        writable::mark_removal(&self.root, id);
        self.store.publish(|tx| tx.delete_any(KIND, id))?;
        self.discard_container_files(id)
    }

    /// Ends a container for good: no restart policy brings it back.
    fn end(&self, id: &str) -> Result<()> {
        if let Some(mut client) = self.client_if_alive(id)? {
            client.stop(Some(super::signal::parse("KILL")?), Some(0))?;
        }
        Ok(())
    }

    /// The common end of `rm`, `--rm` and a failed create.
    pub(crate) fn remove_stopped(&self, container: &Container, volumes: bool) -> Result<()> {
        let _held = self.hold_rootfs(&container.id)?;
        self.release_mounts(container)?;
        writable::mark_removal(&self.root, &container.id);
        self.store.publish(|tx| {
            tx.delete::<Container>(&container.id)?;
            Ok::<_, Failure>(())
        })?;
        self.discard_container_files(&container.id)?;
        if volumes {
            for name in container.anonymous_volumes() {
                self.remove_unused_volume(name)?;
            }
        }
        Ok(())
    }

    /// Somebody else may use it by now (`--volumes-from`): then it stays, silently, as in Docker.
    fn remove_unused_volume(&self, name: &str) -> Result<()> {
        let used = self.store.read(|tx| Ok::<_, Failure>(!tx.referrers(VOLUME_KIND, name)?.is_empty()))?;
        if used {
            return Ok(());
        }
        match self.volumes.remove(name, false) {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), Kind::InUse | Kind::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
