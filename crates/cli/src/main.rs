//! The `stead` binary: the command line in front of the engine.
//!
//! - Purpose: turn what people type into the engine's requests, and its answers into what people and scripts read.
//! - Door: none; `main` picks a role (`roles`) or a command (`command::tree`).
//! - Knows: flags, help, formats, the terminal, the environment, exit statuses.
//! - Must not know: records, mounts, cgroups, registries; those are behind the engine.
//! - If we crash here: nothing but this process ends. Containers have their monitors, state is on disk.

#![expect(dead_code, unused_imports, reason = "the commands are wired to the engine's verbs one by one; see docs/compat.md")]

use std::process::ExitCode;

mod command;
mod context;
mod failure;
mod format;
mod output;

/// Docker's exit status for a failure of the engine itself.
const EXIT_ENGINE: u8 = 125;

fn main() -> ExitCode {
    output::warn("stead: this version does not run commands yet; docs/compat.md says what there is");
    ExitCode::from(EXIT_ENGINE)
}
