//! Making a session: nothing runs yet.

use serde::{Deserialize, Serialize};
use stead_base::Kind;
use stead_monitor::asked;

use super::record::{Record, new_id};
use crate::{Engine, Failure, Result};

/// What shall run, in the names of Docker's `POST /containers/{id}/exec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "Docker's wire format")]
pub struct ExecCreate {
    /// `USER[:GROUP]`; empty is the container's.
    pub user: String,
    /// All capabilities.
    pub privileged: bool,
    /// A terminal.
    pub tty: bool,
    /// Its first size, rows and columns.
    pub console_size: Option<[u16; 2]>,
    /// Give it a standard input.
    pub attach_stdin: bool,
    /// Follow its standard error.
    pub attach_stderr: bool,
    /// Follow its standard output.
    pub attach_stdout: bool,
    /// The keys that detach.
    pub detach_keys: String,
    /// `K=V` on top of the container's.
    pub env: Vec<String>,
    /// Directory; empty is the container's.
    pub working_dir: String,
    /// Program and arguments.
    pub cmd: Vec<String>,
}

impl Engine {
    /// Keeps what shall run in a container until it is started; the session's id.
    ///
    /// # Errors
    /// No command; no such container; it does not run or is paused.
    pub fn exec_create(&self, typed: &str, asked: ExecCreate) -> Result<String> {
        if asked.cmd.is_empty() {
            return Err(Failure::invalid("No exec command specified"));
        }
        let container = self.container(typed)?;
        self.check_exec(&container.id, typed)?;
        let running = self.exec_sessions(&container.id);
        asked::tidy(&self.run_root, &container.id, |exec| running.iter().any(|session| session.id == exec && session.exit_code.is_none()));
        let record = Record { id: new_id(&container.id)?, container: container.id.clone(), asked };
        let bytes = serde_json::to_vec(&record).map_err(|error| Failure::new(Kind::Internal, error.to_string()))?;
        if let Err(error) = asked::save(&self.run_root, &container.id, &record.id, &bytes) {
            // Its directory goes with a container that is removed at this moment: that is what is said then.
            self.container(&container.id).and_then(|_there| self.check_exec(&container.id, typed))?;
            return Err(Failure::new(Kind::Internal, error.to_string()));
        }
        self.tell_exec_made(&container, &record.id, &record.asked.cmd);
        Ok(record.id)
    }
}
