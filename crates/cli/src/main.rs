//! The `stead` binary: the command line in front of the engine.
//!
//! - Purpose: turn what people type into the engine's requests, and its answers into what people and scripts read.
//! - Door: none; `main` picks a role (`roles`) or a command (`command::tree`).
//! - Knows: flags, help, formats, the terminal, the environment, exit statuses.
//! - Must not know: records, mounts, cgroups, registries; those are behind the engine.
//! - If we crash here: nothing but this process ends. Containers have their monitors, state is on disk.

mod command;
mod context;
mod failure;
mod format;
mod output;

fn main() {}
