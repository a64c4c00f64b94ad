//! What is known of a session.

use serde_json::{Value, json};
use stead_monitor::asked;
use stead_monitor::protocol::ExecReport;

use crate::{Engine, Result};

/// The exit code of a session that ended with its container.
const KILLED: i32 = 137;

impl Engine {
    /// One session in the JSON of Docker's `GET /exec/{id}/json`.
    ///
    /// # Errors
    /// No such session.
    pub fn exec_inspect(&self, id: &str) -> Result<Value> {
        let record = self.exec_record(id)?;
        let (run_root, container, asked) = (&self.run_root, &record.container, &record.asked);
        let sessions = self.exec_sessions(container);
        let session = sessions.iter().find(|session| session.id == id);
        let running = session.is_some_and(|session| session.exit_code.is_none());
        let ended = asked::exit_code(run_root, container, id).or(session.and_then(|session| session.exit_code));
        let code = match ended {
            Some(code) => Some(code),
            None if running || !asked::is_started(run_root, container, id) => None,
            // Being started at this moment, unless its container does not run any more.
            None => (!self.now(container).is_running()).then_some(KILLED),
        };
        Ok(json!({
            "ID": record.id,
            "Running": running,
            "ExitCode": code,
            "ProcessConfig": {
                "tty": asked.tty, "entrypoint": asked.cmd.first(), "arguments": asked.cmd.iter().skip(1).collect::<Vec<_>>(),
                "privileged": asked.privileged, "user": asked.user,
            },
            "OpenStdin": asked.attach_stdin, "OpenStderr": asked.attach_stderr, "OpenStdout": asked.attach_stdout,
            "CanRemove": ended.is_some(),
            "ContainerID": container,
            "DetachKeys": "",
            "Pid": session.map_or(0, |session| session.pid),
        }))
    }

    /// The ids of the sessions that run now, for `inspect` of their container: `None` where none does.
    pub(crate) fn exec_ids(&self, container: &str) -> Option<Vec<String>> {
        if asked::list(&self.run_root, container).is_empty() {
            return None;
        }
        let running = self.exec_sessions(container).into_iter().filter(|session| session.exit_code.is_none());
        let ids: Vec<String> = running.map(|session| session.id).collect();
        (!ids.is_empty()).then_some(ids)
    }

    /// What the monitor knows; nothing where there is none.
    pub(super) fn exec_sessions(&self, container: &str) -> Vec<ExecReport> {
        let report = self.client_if_alive(container).ok().flatten().and_then(|mut client| client.status().ok());
        report.map(|report| report.execs).unwrap_or_default()
    }
}
