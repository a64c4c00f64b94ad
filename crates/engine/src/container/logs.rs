//! Where a container's log lies; reading it is the monitor room's.

use std::path::PathBuf;

use stead_base::Kind;

use crate::{Engine, Failure, Result};

/// What a reader of a log needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// Full id.
    pub id: String,
    /// Directory with the log files.
    pub dir: PathBuf,
    /// Whether both streams are one terminal's.
    pub tty: bool,
    /// Whether more may come.
    pub running: bool,
}

impl Engine {
    /// Finds a container's log.
    ///
    /// # Errors
    /// No such container, or it keeps none.
    pub fn container_logs(&self, typed: &str) -> Result<LogSource> {
        let container = self.container(typed)?;
        if container.host.log_config.kind == "none" {
            return Err(Failure::new(Kind::Unsupported, "configured logging driver does not support reading")
                .with_hint("the container was created with --log-driver none"));
        }
        Ok(LogSource {
            dir: self.root.container(&container.id),
            tty: container.config.tty,
            running: self.now(&container.id).is_alive(),
            id: container.id,
        })
    }
}
