//! Waiting for a container's end.

use crate::{Engine, Result};

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
        let mut code = None;
        if let Some(mut client) = self.client_if_alive(&container.id)? {
            code = Some(client.wait()?);
        }
        if condition == WaitCondition::Removed {
            while self.store.read(|tx| Ok::<_, crate::Failure>(tx.get::<super::record::Container>(&container.id)?.is_some()))? {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        Ok(code.unwrap_or_else(|| self.now(&container.id).exit_code()))
    }
}
