//! Waiting for a container's end.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use stead_monitor::Client;
use stead_monitor::protocol::{Condition, Exited, Kind as FrameKind};

use super::meet::{Expectation, Meeting, Met};
use super::record::KIND;
use crate::{Engine, Result};

/// A removal leaves nothing behind that could wake us, so it is looked for.
const REMOVAL_POLL: Duration = Duration::from_millis(20);
/// A start that did not call at us is looked for less often.
const START_POLL: Duration = Duration::from_millis(250);
/// Nothing is looked for: the monitor speaks.
const LONG: Duration = Duration::from_secs(3600);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitCondition {
    /// It does not run (now, or soon).
    #[default]
    NotRunning,
    /// It ends the next time.
    NextExit,
    /// It is gone.
    Removed,
}

/// A wait in steps, for whoever has something else to watch at the same time.
#[derive(Debug)]
pub struct Watch {
    id: String,
    condition: WaitCondition,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Unborn(Box<Expectation>),
    Living(Box<Client>),
    /// It has ended; its removal is waited for.
    Leaving(i32),
    Done(i32),
}

impl Watch {
    /// Becomes readable when a look is worth while.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Unborn(expectation) => Some(expectation.as_fd()),
            Stage::Living(client) => Some(client.as_fd()),
            Stage::Leaving(_) | Stage::Done(_) => None,
        }
    }

    /// After this time a look is worth while in any case.
    #[must_use]
    pub fn pause(&self) -> Duration {
        match &self.stage {
            Stage::Unborn(_) => START_POLL,
            Stage::Living(_) => LONG,
            Stage::Leaving(_) => REMOVAL_POLL,
            Stage::Done(_) => Duration::ZERO,
        }
    }
}

impl Engine {
    /// Blocks until `condition` holds and gives the exit code of the last life.
    ///
    /// # Errors
    /// No such container; the monitor cannot be asked.
    pub fn container_wait(&self, typed: &str, condition: WaitCondition) -> Result<i32> {
        let container = self.container(typed)?;
        let mut exit = None;
        if let Some(mut client) = self.client_if_alive(&container.id)? {
            let condition = match condition {
                WaitCondition::NextExit => Condition::NextExit,
                WaitCondition::NotRunning | WaitCondition::Removed => Condition::NotRunning,
            };
            exit = match client.wait(condition) {
                Ok(exit) => exit,
                // It ended while we asked; how, is on disk.
                Err(stead_monitor::Error::Gone(_)) => None,
                Err(error) => return Err(error.into()),
            };
        }
        if condition == WaitCondition::Removed {
            while self.store.read(|tx| tx.exists(KIND, &container.id))? {
                std::thread::sleep(REMOVAL_POLL);
            }
        }
        Ok(exit.map_or_else(|| self.now(&container.id).exit_code(), |e| e.exit_code))
    }

    /// Begins to wait. Other than [`Engine::container_wait`], the next end of a container that was not started yet is waited for, too.
    ///
    /// # Errors
    /// No such container.
    pub fn container_watch(&self, typed: &str, condition: WaitCondition) -> Result<Watch> {
        let id = self.container(typed)?.id;
        let stage = match (self.container_meet(&id)?, condition) {
            (Meeting::Later(_), WaitCondition::NotRunning) => Stage::Done(self.now(&id).exit_code()),
            (Meeting::Later(expectation), _) => Stage::Unborn(Box::new(expectation)),
            (Meeting::Now(client), condition) => self.living(&id, client, condition)?,
        };
        Ok(Watch { id, condition, stage })
    }

    /// Looks whether the wait is over; `ready` says that the descriptor is. Does not wait.
    ///
    /// # Errors
    /// The records or the monitor cannot be asked.
    pub fn container_look(&self, watch: &mut Watch, mut ready: bool) -> Result<Option<i32>> {
        loop {
            let next = match &mut watch.stage {
                Stage::Done(code) => return Ok(Some(*code)),
                Stage::Leaving(code) => {
                    if self.store.read(|tx| tx.exists(KIND, &watch.id))? {
                        return Ok(None);
                    }
                    Stage::Done(*code)
                }
                Stage::Unborn(expectation) => match self.container_met(expectation)? {
                    Met::Nothing => return Ok(None),
                    Met::Removed => Stage::Done(0),
                    Met::Over(code) => after(watch.condition, code),
                    Met::Born(client, call) => {
                        let stage = self.living(&watch.id, client, watch.condition)?;
                        if let Some(call) = call {
                            call.answer();
                        }
                        stage
                    }
                },
                Stage::Living(client) => {
                    if !ready && !client.has_frame() {
                        return Ok(None);
                    }
                    match ended(client)? {
                        Ended::NotYet => return Ok(None),
                        Ended::Unseen => after(watch.condition, self.now(&watch.id).exit_code()),
                        Ended::With(code) => after(watch.condition, code),
                    }
                }
            };
            watch.stage = next;
            // That was said of another descriptor.
            ready = false;
        }
    }

    /// A prepared monitor that is asked whether the container runs says no, so its end is waited for by the next exit.
    fn living(&self, id: &str, mut client: Client, condition: WaitCondition) -> Result<Stage> {
        let wanted = if condition == WaitCondition::NotRunning { Condition::NotRunning } else { Condition::NextExit };
        match client.begin_wait(wanted) {
            Ok(()) => Ok(Stage::Living(Box::new(client))),
            // It ended while we asked; how, is on disk.
            Err(stead_monitor::Error::Gone(_)) => Ok(after(condition, self.now(id).exit_code())),
            Err(error) => Err(error.into()),
        }
    }
}

fn after(condition: WaitCondition, code: i32) -> Stage {
    if condition == WaitCondition::Removed { Stage::Leaving(code) } else { Stage::Done(code) }
}

enum Ended {
    NotYet,
    /// The monitor went; how the container ended, is on disk.
    Unseen,
    With(i32),
}

fn ended(client: &mut Client) -> Result<Ended> {
    let frame = match client.next_frame() {
        Ok(Some(frame)) => frame,
        Ok(None) | Err(stead_monitor::Error::Gone(_)) => return Ok(Ended::Unseen),
        Err(error) => return Err(error.into()),
    };
    if frame.kind != FrameKind::Exited {
        return Ok(Ended::NotYet);
    }
    let exited: Option<Exited> = serde_json::from_slice(&frame.payload).ok();
    Ok(exited.and_then(|exited| exited.exit).map_or(Ended::Unseen, |exit| Ended::With(exit.exit_code)))
}
