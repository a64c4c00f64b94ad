//! The size of a session's terminal.

use std::time::{Duration, Instant};

use stead_base::Kind;
use stead_monitor::asked;

use crate::{Engine, Failure, Result};

/// How long a session that is being started is waited for. Docker's ten seconds.
const READY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

impl Engine {
    /// Sets the size of a session's terminal.
    ///
    /// # Errors
    /// No such session; it does not run.
    pub fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let record = self.exec_record(id)?;
        self.check_exec(&record.container, &record.container)?;
        // Clients ask as soon as the streams are theirs, which is before the program runs.
        let until = Instant::now() + READY;
        loop {
            let session = self.exec_sessions(&record.container).into_iter().find(|session| session.id == id);
            let starting = session.is_none()
                && asked::is_started(&self.run_root, &record.container, id)
                && asked::exit_code(&self.run_root, &record.container, id).is_none();
            if session.is_some_and(|session| session.exit_code.is_none()) {
                break;
            }
            if !starting || Instant::now() > until {
                return Err(Failure::new(Kind::Invalid, format!("exec process is not running: {id}")));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(self.container_client(&record.container)?.exec_resize(id, rows, columns)?)
    }
}
