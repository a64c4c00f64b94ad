//! Waiting for a container's end.

use std::time::Duration;

use stead_monitor::protocol::Condition;

use super::record::KIND;
use crate::{Engine, Result};

/// A removal leaves nothing behind that could wake us, so it is looked for.
const REMOVAL_POLL: Duration = Duration::from_millis(20);

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
}
