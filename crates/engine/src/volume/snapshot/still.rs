//! Those who use a volume stand still while its state is taken.
//!
//! Their monitors hold them, each for a connection of ours: when we are killed at any instruction, the kernel closes it and they go on. A limit of
//! time is the monitors' own affair too, so that not even a stopped `stead` keeps a database frozen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stead_base::Kind;
use stead_monitor::Client;
use stead_mount::{MountPoint, MountType};

use crate::container::record::Container;
use crate::system::config::{Config, FREEZE_LIMIT};
use crate::{Engine, Failure, Result};

/// A container that stands still for us, and goes on when this is dropped.
#[derive(Debug)]
struct Holding {
    client: Client,
    /// Its monitor is of a version that can only pause.
    paused: bool,
}

impl Engine {
    /// Runs `take` while everything that runs and may write to one of `volumes` stands still, and while nobody new begins to use them. Answers how
    /// long that was; `None` when nothing runs.
    ///
    /// What is dirty is written out before, while all still run: what `take` reads it reads through the same kernel, so that nothing has to be
    /// written while they wait but what they wrote in between, which each method flushes itself.
    ///
    /// # Errors
    /// What `take` says; one of them cannot be held, or did not stand still all the while (it was killed, or the limit was reached): what was taken
    /// is then not of one instant and must be thrown away.
    pub(crate) fn while_still<T>(&self, volumes: &[&str], take: impl FnOnce() -> Result<T>) -> Result<(T, Option<Duration>)> {
        let limit = self.freeze_limit()?;
        if !self.has_writers(volumes)? {
            // Nobody can come in between either.
            let _gates = self.volumes.shut_gates(volumes, limit)?;
            if !self.has_writers(volumes)? {
                return Ok((take()?, None));
            }
        }
        for volume in volumes {
            self.volumes.write_out(volume)?;
        }
        let _gates = self.volumes.shut_gates(volumes, limit)?;
        let writers = self.writers(volumes)?;
        let began = Instant::now();
        let mut held = self.hold_all(&writers, limit)?;
        let taken = take();
        let outcome = release_all(&mut held);
        let pause = began.elapsed();
        let was_anybody = !held.is_empty();
        drop(held);
        outcome.map_err(|failure| not_still(&failure, limit))?;
        Ok((taken?, was_anybody.then_some(pause)))
    }

    /// How long containers may be held still.
    fn freeze_limit(&self) -> Result<Duration> {
        let nanos = Config::read(&self.root)?.age(FREEZE_LIMIT)?;
        Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// The containers that run and may write to one of the volumes, by id.
    pub(super) fn running_writers(&self, volumes: &[&str]) -> Result<Vec<Container>> {
        let mut running = Vec::new();
        for id in self.writers(volumes)? {
            if let Ok(container) = self.container(&id)
                && self.now(&id).is_alive()
            {
                running.push(container);
            }
        }
        Ok(running)
    }

    fn has_writers(&self, volumes: &[&str]) -> Result<bool> {
        Ok(self.writers(volumes)?.iter().any(|id| Client::connect(&self.run_root, id).is_ok()))
    }

    /// Ids of containers that may write to one of the volumes when they run, whatever way their mount was asked for.
    fn writers(&self, volumes: &[&str]) -> Result<BTreeSet<String>> {
        let mut ids = self.writers_by_path(volumes)?;
        for volume in volumes {
            for id in self.volumes.users(volume)? {
                // One that was removed since writes nothing.
                let Ok(container) = self.container(&id) else { continue };
                if may_write(&container, volume) {
                    ids.insert(id);
                }
            }
        }
        Ok(ids)
    }

    /// Those that have a volume's directory by its path on the host.
    pub(in crate::volume) fn writers_by_path(&self, volumes: &[&str]) -> Result<BTreeSet<String>> {
        let homes: Vec<PathBuf> = volumes.iter().filter_map(|volume| Some(self.volumes.path(volume).parent()?.to_owned())).collect();
        let writes = |point: &MountPoint| {
            point.kind == MountType::Bind && point.rw && homes.iter().any(|home| Path::new(&point.source).starts_with(home))
        };
        let containers = self.store.read(|tx| tx.list::<Container>())?.into_iter().flatten();
        Ok(containers.filter(|container| container.mounts.iter().any(writes)).map(|container| container.id).collect())
    }

    /// All at once: who is asked first does not wait for the last one's answer.
    fn hold_all(&self, ids: &BTreeSet<String>, limit: Duration) -> Result<Vec<Holding>> {
        let mut asked = Vec::new();
        for id in ids {
            if let Some(mut client) = self.client_if_alive(id)?
                && client.begin_hold(limit).is_ok()
            {
                asked.push(client);
            }
        }
        let mut held = Vec::with_capacity(asked.len());
        for mut client in asked {
            match client.held() {
                Ok(()) => held.push(Holding { client, paused: false }),
                // It has ended, or its monitor is of a version that does not know how.
                Err(stead_monitor::Error::Gone(id)) => held.extend(self.pause_instead(&id)?),
                Err(error) if error.kind() == Kind::NotRunning => {}
                Err(error) => return Err(not_still(&error.into(), limit)),
            }
        }
        Ok(held)
    }

    fn pause_instead(&self, id: &str) -> Result<Option<Holding>> {
        let Some(mut client) = self.client_if_alive(id)? else { return Ok(None) };
        match client.hold_still() {
            Ok(()) => Ok(Some(Holding { client, paused: true })),
            // Paused by a person: it writes nothing.
            Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotRunning) => Ok(None),
            Err(stead_monitor::Error::Gone(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets all go on, the last one first, and then hears whether each stood still all the while.
fn release_all(held: &mut [Holding]) -> Result<()> {
    let mut outcome = Ok(());
    for holding in held.iter_mut().rev() {
        let asked = if holding.paused { holding.client.unpause() } else { holding.client.begin_release() };
        outcome = outcome.and(asked.map_err(Failure::from));
    }
    for holding in held.iter_mut().rev().filter(|holding| !holding.paused) {
        outcome = outcome.and(holding.client.released().map_err(Failure::from));
    }
    outcome
}

fn not_still(failure: &Failure, limit: Duration) -> Failure {
    let limit = stead_base::time::go_duration(i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX));
    Failure::new(Kind::Unavailable, format!("no snapshot was taken, everything goes on: {}", failure.message)).with_hint(format!(
        "try again; containers are held still for at most {limit}, which 'stead system config set {FREEZE_LIMIT} 60s' changes"
    ))
}

fn may_write(container: &Container, volume: &str) -> bool {
    let writes = |point: &MountPoint| {
        (point.kind == MountType::Volume && point.rw && point.name == volume) || point.overlay_volume() == Some(volume)
    };
    container.mounts.iter().any(writes)
}
