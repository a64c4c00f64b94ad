//! Ending a container: asked first, then made to.

use stead_base::Kind;
use stead_monitor::protocol::Condition;

use super::signal;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Sends the stop signal, waits `timeout` seconds (the container's own when `None`, for ever when negative), then `SIGKILL`.
    /// A container that does not run is left as it is. Returns once the exit is on disk.
    ///
    /// # Errors
    /// No such container, an unknown signal.
    pub fn container_stop(&self, typed: &str, signal_name: Option<&str>, timeout: Option<i64>) -> Result<()> {
        let container = self.container(typed)?;
        let signal = signal_name.map(signal::parse).transpose()?;
        let Some(mut client) = self.client_if_alive(&container.id)? else { return Ok(()) };
        ended(client.stop(signal, timeout))
    }

    /// Sends one signal; `SIGKILL` when none is named.
    ///
    /// # Errors
    /// `Container x is not running`, an unknown signal, no such container.
    pub fn container_kill(&self, typed: &str, signal_name: Option<&str>) -> Result<()> {
        let container = self
            .container(typed)
            .map_err(|failure| Failure { message: format!("Cannot kill container: {typed}: {}", failure.message), ..failure })?;
        let signal = signal::parse(signal_name.filter(|s| !s.is_empty()).unwrap_or("KILL"))?;
        let not_running =
            || Failure::new(Kind::NotRunning, format!("cannot kill container: {typed}: container {} is not running", container.id));
        if !self.now(&container.id).is_running() {
            return Err(not_running());
        }
        let mut client = self.client_if_alive(&container.id)?.ok_or_else(not_running)?;
        match client.signal(signal) {
            // It ended by itself while it was asked: what SIGKILL is for has come true.
            Err(stead_monitor::Error::Gone(_)) if signal == signal::KILL => return Ok(()),
            Err(stead_monitor::Error::Gone(_)) => return Err(not_running()),
            other => other?,
        }
        if signal == signal::KILL {
            // Nothing refuses it: who is answered may remove the container at once, as with Docker.
            return ended(client.wait(Condition::NextExit));
        }
        Ok(())
    }

    /// Stops and starts again. A container that does not run is only started.
    ///
    /// # Errors
    /// As [`Engine::container_stop`] and [`Engine::container_start`].
    pub fn container_restart(&self, typed: &str, signal_name: Option<&str>, timeout: Option<i64>) -> Result<()> {
        let signal = signal_name.map(signal::parse).transpose()?;
        // Held from the stop to the start: nobody else starts it or removes it in between.
        let (container, held) = self.hold_to_start(typed)?;
        if let Some(mut client) = self.client_if_alive(&container.id)? {
            // Its end is not its last one: a container of --rm must not be removed in between.
            ended(client.claim_cleanup())?;
            ended(client.stop(signal, timeout))?;
            self.release_mounts(&container)?;
            self.release_network(&container)?;
            client.cleanup_done();
        }
        let mut client = self.prepare(&container, &held)?;
        self.container_launch(&mut client, held)?;
        self.emit_container(&container, "restart", &[]);
        Ok(())
    }
}

/// A monitor that went while it was asked to stop has done what was wanted.
fn ended<T>(answer: std::result::Result<T, stead_monitor::Error>) -> Result<()> {
    match answer {
        Ok(_) | Err(stead_monitor::Error::Gone(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
