//! The `monitor` room: one small process that stays with one container.
//!
//! Purpose: hold the container's stdio, log and exit status, restart it by policy, serve attach, exec, wait and stop; outlive the command that made it.
//! Door: [`spawn()`], [`Client`], [`serve::run`], [`log::read()`], [`exit::read`], [`settle`], [`MonitorConfig`], [`State`], [`Exit`].
//! Knows: the runtime's children, the log format, its own frames, the run directory of one container.
//! Must not know: images, volumes, records, other containers, Docker's HTTP.
//! If we crash here: the kernel kills the container's first process with us (parent-death signal, and [`settle`] kills what is left in its cgroup); the flock
//! vanishes, so the next command sees an exited container and `settle` writes the exit status 137 that we could not. Log lines written stay written.

mod address;
pub mod asked;
mod cage;
pub mod census;
pub mod client;
pub mod config;
pub mod exit;
pub mod health;
mod hold;
pub mod lease;
pub mod log;
pub mod mark;
mod probe;
pub mod protocol;
pub mod restart;
pub mod serve;
mod settle;
pub mod spawn;
pub mod state;
mod stdio;
pub mod vigil;

#[cfg(test)]
mod testdir;

pub use cage::kill_session;
pub use client::{Client, Error};
pub use config::{LogConfig, LogDriver, MonitorConfig, RestartPolicy, Stdin};
pub use exit::Exit;
pub use health::{Health, HealthCheck, HealthStatus};
pub use hold::HeldPort;
pub use settle::{forget, left_behind, settle};
pub use spawn::{NETWORK_FD, spawn, spawn_with};
pub use state::{State, Status};
pub use vigil::Vigil;

/// Lets a failure be: for steps whose failure changes nothing that is promised (decoration, hints to the kernel, clean-up that is tried again).
pub(crate) fn tolerate<T, E>(outcome: Result<T, E>) {
    drop(outcome.ok());
}
