//! Meeting a container's monitor: now, if it lives, or at its birth, without missing its first byte.

use std::os::fd::{AsFd, BorrowedFd};

use stead_base::time::Time;
use stead_monitor::vigil::Call;
use stead_monitor::{Client, Vigil};

use super::record::KIND;
use crate::{Engine, Failure, Result};

/// A monitor, or the prospect of one.
#[derive(Debug)]
pub enum Meeting {
    /// It lives.
    Now(Client),
    /// The container has not been started yet.
    Later(Expectation),
}

/// Waits for a birth. Becomes readable when a start calls; other ends are seen by looking now and then ([`Engine::container_met`]).
#[derive(Debug)]
pub struct Expectation {
    id: String,
    vigil: Vigil,
    /// The end of its last life, when it had one.
    before: Option<Time>,
}

impl AsFd for Expectation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.vigil.as_fd()
    }
}

/// What a face has to know before it follows a container's streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stdio {
    /// Full id.
    pub id: String,
    /// One terminal instead of three pipes.
    pub tty: bool,
    /// Whether it has a standard input.
    pub open_stdin: bool,
}

/// What a look found.
#[derive(Debug)]
pub enum Met {
    /// Nothing yet.
    Nothing,
    /// Its monitor. Where a call came with it, the start waits for the answer.
    Born(Client, Option<Call>),
    /// It lived and ended unseen, with this exit code.
    Over(i32),
    /// It was removed.
    Removed,
}

impl Engine {
    /// Connects to the monitor of a container, or begins to wait for its start.
    ///
    /// # Errors
    /// No such container.
    pub fn container_meet(&self, typed: &str) -> Result<Meeting> {
        let container = self.container(typed)?;
        if let Some(client) = self.client_if_alive(&container.id)? {
            return Ok(Meeting::Now(client));
        }
        let before = self.now(&container.id).exit.map(|exit| exit.finished_at);
        let kept = Vigil::keep(&self.run_root, &container.id);
        if !self.store.read(|tx| tx.exists(KIND, &container.id))? {
            drop(kept);
            stead_monitor::forget(&self.run_root, &container.id)?;
            return Err(Failure::no_container(typed));
        }
        let vigil = kept.map_err(|error| Failure::new(stead_base::Kind::Internal, error.to_string()))?;
        // Started since the first look: that start may not have seen us.
        Ok(match self.client_if_alive(&container.id)? {
            Some(client) => Meeting::Now(client),
            None => Meeting::Later(Expectation { id: container.id, vigil, before }),
        })
    }

    /// The shape of a container's streams, if they can be followed now.
    ///
    /// # Errors
    /// No such container; it is paused or about to be started again.
    pub fn container_stdio(&self, typed: &str) -> Result<Stdio> {
        let container = self.container(typed)?;
        let refuse = |why: String| Err(Failure::new(stead_base::Kind::Conflict, why));
        match self.now(&container.id).status {
            "paused" => refuse(format!("container {typed} is paused, unpause the container before attach")),
            "restarting" => refuse(format!("container {typed} is restarting, wait until the container is running")),
            _ => Ok(Stdio { tty: container.config.tty, open_stdin: container.config.open_stdin, id: container.id }),
        }
    }

    /// Looks whether what is waited for has come. Does not wait.
    ///
    /// # Errors
    /// The records or the monitor cannot be asked.
    pub fn container_met(&self, expectation: &Expectation) -> Result<Met> {
        let call = expectation.vigil.call();
        if let Some(client) = self.client_if_alive(&expectation.id)? {
            return Ok(Met::Born(client, call));
        }
        if !expectation.vigil.stands() {
            return Ok(Met::Removed);
        }
        let now = self.now(&expectation.id);
        let ended = now.exit.as_ref().map(|exit| exit.finished_at);
        Ok(if now.live.is_none() && ended != expectation.before { Met::Over(now.exit_code()) } else { Met::Nothing })
    }
}
