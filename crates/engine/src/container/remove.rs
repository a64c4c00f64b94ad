//! Removing a container: its record first, in one step that also frees its volumes; its files after that.

use stead_base::Kind;
use stead_layer::writable;

use super::record::{Container, Removed, VOLUME_KIND};
use crate::volume::VolumeRemove;
use crate::{Engine, Failure, Result};

/// So many removals are remembered before the finished ones are forgotten.
const REMEMBERED: usize = 16;
/// So many times a container is ended that others start again while it is removed.
const STARTED_AGAIN_MAX: usize = 100;

/// How a container is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove the volumes that nobody named and nobody else uses.
    pub volumes: bool,
    /// These volumes cannot be had back.
    pub now: bool,
}

/// What becomes of the volumes that nobody named and nobody else uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They stay.
    Stay,
    /// They are removed.
    Gone {
        /// They cannot be had back.
        now: bool,
        /// By what they are removed, for people.
        why: &'static str,
    },
}

impl Fate {
    /// The end of a container that was started with `--rm`.
    pub(crate) const WITH_CONTAINER: Self = Self::Gone { now: false, why: "run --rm" };
    /// Of a container that never was: nobody wrote to them.
    pub(crate) const UNBORN: Self = Self::Gone { now: true, why: "create" };
}

impl RemoveOptions {
    fn fate(self) -> Fate {
        if self.volumes { Fate::Gone { now: self.now, why: "rm -v" } } else { Fate::Stay }
    }
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
        for _ in 0..STARTED_AGAIN_MAX {
            self.end_for_removal(&container, options.force)?;
            if self.remove_stopped(&container, options.fate())? {
                return Ok(());
            }
            // Somebody started it after we had looked.
        }
        Err(Failure::new(Kind::Conflict, format!("container \"/{}\" is started again and again", container.name)))
    }

    /// Sees to it that a container does not run.
    fn end_for_removal(&self, container: &Container, force: bool) -> Result<()> {
        let now = self.now(&container.id);
        if now.is_alive() {
            if !force {
                let how = match now.status {
                    "paused" => "paused and must be unpaused first".to_owned(),
                    state => format!("{state}: stop the container before removing or force remove"),
                };
                return Err(Failure::new(Kind::Conflict, format!("cannot remove container \"/{}\": container is {how}", container.name)));
            }
            self.end(&container.id)?;
        } else if force && now.is_kept() {
            // About to be born, or it could not write down that it was.
            self.end(&container.id)?;
        }
        // What a killed monitor left may still write.
        self.settle(container)
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
        self.unmake(id, None, self.hold_rootfs(id)?)
    }

    /// Ends a container for good: no restart policy brings it back.
    fn end(&self, id: &str) -> Result<()> {
        if let Some(mut client) = self.client_if_alive(id)? {
            match client.end() {
                // Gone: it was at its end when we asked.
                Ok(_) | Err(stead_monitor::Error::Gone(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The common end of `rm` and a failed create. False, and nothing done, where it has been started meanwhile: who starts it has the same lock.
    pub(crate) fn remove_stopped(&self, container: &Container, fate: Fate) -> Result<bool> {
        let held = self.hold_rootfs(&container.id)?;
        self.remove_held(container, fate, held)
    }

    /// The same with the lock held.
    pub(super) fn remove_held(&self, container: &Container, fate: Fate, held: writable::Hold) -> Result<bool> {
        if self.now(&container.id).is_kept() {
            return Ok(false);
        }
        self.release_mounts(container)?;
        self.release_network(container)?;
        self.unmake(&container.id, Some(container), held)?;
        if let Fate::Gone { now, why } = fate {
            for name in container.anonymous_volumes() {
                self.remove_unused_volume(name, VolumeRemove { force: false, now }, why)?;
            }
        }
        Ok(true)
    }

    /// The record becomes the memory of a removal, in one commit; then the files go. Killed in between, the next sweep goes on.
    fn unmake(&self, id: &str, known: Option<&Container>, held: writable::Hold) -> Result<()> {
        let finished = self.finished_removals()?;
        let was_there = self.store.publish(|tx| {
            let was_there = tx.turn::<Container, _>(id, &Removed { id: id.to_owned() })?;
            for id in &finished {
                tx.delete::<Removed>(id)?;
            }
            Ok::<_, Failure>(was_there)
        })?;
        // Several may remove it at once (a command and the monitor's clean-up); it is gone once.
        if let (true, Some(container)) = (was_there, known) {
            self.emit_container(container, "destroy", &[]);
        }
        self.finish(id, held)
    }

    /// Removals whose directories are durably gone, so that nothing has to be remembered of them. Asked for by the next removals, because a
    /// commit of its own would make each of them slower; a few at a time, because a flush is needed.
    fn finished_removals(&self) -> Result<Vec<String>> {
        let removed = self.removals()?;
        if removed.len() < REMEMBERED {
            return Ok(Vec::new());
        }
        let gone: Vec<String> = removed.into_iter().filter(|id| !writable::exists(&self.root, id)).collect();
        // Where this fails they are remembered a little longer.
        Ok(if gone.is_empty() || writable::flush(&self.root).is_err() { Vec::new() } else { gone })
    }

    /// Removals whose directories are still there: interrupted, or at work now.
    pub(crate) fn interrupted_removals(&self) -> Result<Vec<String>> {
        Ok(self.removals()?.into_iter().filter(|id| writable::exists(&self.root, id)).collect())
    }

    /// Finishes one of them, unless its own command is still at it.
    pub(crate) fn finish_removal(&self, id: &str) -> Result<()> {
        match writable::hold_if_free(&self.run_root, id)? {
            Some(held) => self.finish(id, held),
            None => Ok(()),
        }
    }

    /// Whether it was interrupted, which it is not while somebody is at work on it; with `repair` it waits for whoever is, and finishes what that one did not.
    pub(crate) fn settle_removal(&self, id: &str, repair: bool) -> Result<bool> {
        let held = if repair { Some(self.hold_rootfs(id)?) } else { writable::hold_if_free(&self.run_root, id)? };
        let Some(held) = held else { return Ok(false) };
        let interrupted = writable::exists(&self.root, id);
        if repair {
            self.finish(id, held)?;
        }
        Ok(interrupted)
    }

    fn finish(&self, id: &str, held: writable::Hold) -> Result<()> {
        self.discard_container_files(id)?;
        Ok(held.remove()?)
    }

    fn removals(&self) -> Result<Vec<String>> {
        let records = self.store.read(|tx| tx.list::<Removed>())?;
        // A damaged one is not believed: the directory is then kept and named.
        Ok(records.into_iter().flatten().map(|removed| removed.id).collect())
    }

    /// Somebody else may use it by now (`--volumes-from`): then it stays, silently, as in Docker. So does one that is protected.
    fn remove_unused_volume(&self, name: &str, how: VolumeRemove, why: &str) -> Result<()> {
        let used = self.store.read(|tx| Ok::<_, Failure>(!tx.referrers(VOLUME_KIND, name)?.is_empty()))?;
        if used {
            return Ok(());
        }
        match self.remove_volume(name, how, why) {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), Kind::InUse | Kind::NotFound | Kind::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
