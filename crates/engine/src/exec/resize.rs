//! The size of a session's terminal.

use stead_base::Kind;

use crate::{Engine, Failure, Result};

impl Engine {
    /// Sets the size of a session's terminal.
    ///
    /// # Errors
    /// No such session; it does not run.
    pub fn exec_resize(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let record = self.exec_record(id)?;
        self.check_exec(&record.container, &record.container)?;
        let runs = self.exec_sessions(&record.container).iter().any(|session| session.id == id && session.exit_code.is_none());
        if !runs {
            return Err(Failure::new(Kind::Invalid, format!("exec process is not running: {id}")));
        }
        Ok(self.container_client(&record.container)?.exec_resize(id, rows, columns)?)
    }
}
