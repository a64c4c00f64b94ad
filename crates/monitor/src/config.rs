//! What a monitor is told once, when it is born.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_base::layout::{Root, RunRoot};

use crate::health::HealthCheck;

/// Everything one monitor needs. The birth itself is described by `plan.json` in the run directory, which must be there before the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MonitorConfig {
    /// The container's full id.
    pub id: String,
    /// The engine's root (log and `exit.json` lie below it).
    pub root: PathBuf,
    /// The engine's run root (plan, lock, socket and `state.json` lie below it).
    pub run_root: PathBuf,
    /// Where output is kept.
    pub log: LogConfig,
    /// What happens after an exit.
    pub restart: RestartPolicy,
    /// The signal that asks the container to stop, if the user or the image chose one; SIGTERM otherwise.
    pub stop_signal: Option<i32>,
    /// Seconds between that signal and SIGKILL when the caller of stop does not say; negative waits for ever, absent means 10.
    pub stop_timeout: Option<i64>,
    /// `--rm`: nobody can ask for the exit status later if a connected client has claimed the clean-up.
    pub auto_remove: bool,
    /// The terminal and stdin shape of the container.
    pub stdin: Stdin,
    /// `-t`: one pseudo-terminal instead of three pipes.
    pub tty: bool,
    /// The terminal's first size, `(rows, columns)`.
    pub console_size: Option<(u16, u16)>,
    /// Ports of the host that are kept from everybody else.
    #[serde(default)]
    pub ports: Vec<crate::hold::HeldPort>,
    /// Whether the leases on what it mounts come along, to be held for its whole life.
    #[serde(default)]
    pub is_leased: bool,
    /// What the monitor becomes after the end (`stead --root … reap ID`), unless a client has claimed the clean-up. Absolute program first; empty means nothing.
    pub cleanup_argv: Vec<String>,
    /// What every event of the container tells about it: its labels, image and name.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How it is asked for its health, if it is.
    #[serde(default)]
    pub health: Option<HealthCheck>,
}

/// Docker's `OpenStdin` and `StdinOnce`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Stdin {
    /// `/dev/null`.
    #[default]
    Closed,
    /// Stays open whoever attaches and leaves (`run -d -i`).
    Open,
    /// Closed when the first attached client that brought stdin has no more (`run -i`).
    Once,
}

/// Log driver and its options, already checked by `log::options`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// Which driver.
    pub driver: LogDriver,
    /// Size in bytes at which the file is rotated; absent means never.
    pub max_size: Option<u64>,
    /// How many files are kept, the live one included.
    pub max_file: u32,
    /// What `labels`, `env` and `tag` add to every line.
    pub attrs: BTreeMap<String, String>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { driver: LogDriver::JsonFile, max_size: None, max_file: 1, attrs: BTreeMap::new() }
    }
}

/// The log drivers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogDriver {
    /// Docker's `json-file`.
    JsonFile,
    /// Nothing is kept.
    None,
}

/// Docker's `--restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// After a non-zero exit; `max_retries` 0 means without limit.
    OnFailure {
        /// How many restarts at most.
        max_retries: u32,
    },
    /// Always, until somebody stops it.
    Always,
    /// Like always; the difference is made by the engine after a reboot.
    UnlessStopped,
}

impl MonitorConfig {
    /// The root as the layout knows it.
    #[must_use]
    pub fn root(&self) -> Root {
        Root::new(&self.root)
    }

    /// The run root as the layout knows it.
    #[must_use]
    pub fn run_root(&self) -> RunRoot {
        RunRoot::new(&self.run_root)
    }
}
