//! Starting a session, once.

use stead_base::Kind;
use stead_monitor::client::ExecStreams;
use stead_monitor::{Client, asked};

use super::create::ExecCreate;
use crate::container::exec::ExecRequest;
use crate::container::pause::of_running;
use crate::{Engine, Failure, Result};

/// How a session is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExecStart {
    /// Nobody follows its streams.
    pub detach: bool,
    /// Size of its terminal, rows and columns.
    pub console_size: Option<(u16, u16)>,
}

/// A session to be started: everything was checked that can be before its program runs.
#[derive(Debug)]
pub struct Started {
    /// What was asked when it was made.
    pub asked: ExecCreate,
    /// Full id of its container.
    pub container: String,
    id: String,
    start: ExecStart,
}

impl Engine {
    /// Takes the right to start a session.
    ///
    /// # Errors
    /// No such session; it was started already; its container does not run.
    pub fn exec_begin(&self, id: &str, start: ExecStart) -> Result<Started> {
        let record = self.exec_record(id)?;
        self.check_exec(&record.container, &record.container)?;
        let claimed = match asked::claim(&self.run_root, &record.container, id) {
            Ok(claimed) => claimed,
            Err(error) => {
                // As at its making: what was removed meanwhile is not there.
                self.container(&record.container).and_then(|_there| self.check_exec(&record.container, &record.container))?;
                return Err(Failure::new(Kind::Internal, error.to_string()));
            }
        };
        if !claimed {
            let runs = self.exec_sessions(&record.container).iter().any(|session| session.id == id && session.exit_code.is_none());
            let how = if runs { "is already running" } else { "has already run" };
            return Err(Failure::new(Kind::Conflict, format!("Error: Exec command {id} {how}")));
        }
        Ok(Started { asked: record.asked, container: record.container, id: record.id, start })
    }

    /// Runs its program. The connection tells its end; the streams are the caller's.
    ///
    /// # Errors
    /// The program cannot be started: `exit_code` 126 or 127, which `exec_inspect` shows from then on.
    pub fn exec_launch(&self, started: &Started) -> Result<(Client, ExecStreams)> {
        let asked = &started.asked;
        let request = ExecRequest {
            cmd: asked.cmd.clone(),
            env: asked.env.clone(),
            user: asked.user.clone(),
            workdir: asked.working_dir.clone(),
            tty: asked.tty,
            console_size: started.start.console_size.or(asked.console_size.map(|[rows, columns]| (rows, columns))),
            stdin: asked.attach_stdin,
            detach: started.start.detach,
            privileged: asked.privileged,
        };
        let launched = self.exec_with_id(&started.container, started.id.clone(), request).and_then(|(mut client, exec)| {
            let (_, streams) = client.exec(&exec).map_err(|error| of_running(&started.container, error))?;
            Ok((client, streams))
        });
        launched.inspect_err(|failure| {
            asked::finish(&self.run_root, &started.container, &started.id, failure.exit_code.unwrap_or(126));
        })
    }
}
