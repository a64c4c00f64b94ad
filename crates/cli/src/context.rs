//! What every command is told: where the state is, what the environment says. Read once, here, and nowhere else.

use std::env;
use std::path::{Path, PathBuf};

use stead_engine::{Engine, Options};

use crate::command::Matches;
use crate::failure::Failure;
use crate::output;

/// Where state survives a reboot unless told otherwise.
pub(crate) const ROOT_DEFAULT: &str = "/var/lib/stead";
/// Where state may vanish at a reboot unless told otherwise.
pub(crate) const RUN_ROOT_DEFAULT: &str = "/run/stead";

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    /// `--root`, absolute.
    pub(crate) root: PathBuf,
    /// `--run-root`, absolute.
    pub(crate) run_root: PathBuf,
    /// `--debug`.
    pub(crate) debug: bool,
    /// `--registry-config`.
    pub(crate) registry_config: Option<PathBuf>,
}

impl Context {
    /// Opens the engine; makes its directories on first use.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn engine(&self) -> Result<Engine, stead_engine::Failure> {
        Engine::open(self.options())
    }

    /// Which engine, for what works without its records.
    pub(crate) fn options(&self) -> Options {
        Options {
            root: self.root.clone(),
            run_root: self.run_root.clone(),
            registries: self.registry_config.clone(),
            docker_config: docker_config(),
            warn: Some(|text| output::warn(&format!("WARNING: {text}"))),
        }
    }

    /// Reads the global options and, where they are not given, `STEAD_ROOT` and `STEAD_RUN_ROOT`.
    ///
    /// # Errors
    /// Where the working directory is gone and a path is relative.
    pub(crate) fn read(globals: &Matches) -> Result<Self, Failure> {
        let place = |flag: &str, name: &str, default: &str| {
            let text = globals.filled(flag).map(str::to_owned).or_else(|| variable(name));
            absolute(Path::new(text.as_deref().unwrap_or(default)))
        };
        Ok(Self {
            root: place("root", "STEAD_ROOT", ROOT_DEFAULT)?,
            run_root: place("run-root", "STEAD_RUN_ROOT", RUN_ROOT_DEFAULT)?,
            debug: globals.on("debug"),
            registry_config: globals.filled("registry-config").map(|p| absolute(Path::new(p))).transpose()?,
        })
    }
}

/// A path made absolute against the working directory, without looking at the file system.
///
/// # Errors
/// Where the working directory is gone.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::error(format_args!("{}: {e}", path.display())))
}

/// Where Docker keeps registry credentials: `$DOCKER_CONFIG/config.json`, or below the home directory.
fn docker_config() -> Option<PathBuf> {
    let dir = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".docker")))?;
    Some(dir.join("config.json"))
}

/// A variable of the environment; empty and non-UTF-8 ones count as absent.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|v| !v.is_empty())
}

/// Whether a variable exists, and its value, empty or not: `-e NAME` passes it on.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable_if_set(name: &str) -> Option<String> {
    env::var(name).ok()
}
