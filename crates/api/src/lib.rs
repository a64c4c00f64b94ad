//! The Engine API: Docker's HTTP in front of the engine's verbs.
//!
//! - Purpose: Docker's own clients work unmodified.
//! - Door: [`serve()`], [`Listener`], [`Tls`]; [`attend`] for tests.
//! - Knows: HTTP/1.1, routes, versions of the API, hijacked streams, limits on what a client may send.
//! - Must not know: records, mounts, cgroups; those are behind the engine.
//! - If we crash here: clients lose their connection and nothing else. Containers have their monitors, state is on disk.

mod answer;
mod ask;
pub mod attend;
mod build;
mod connection;
mod container;
mod exec;
mod failure;
mod frames;
mod hijack;
mod image;
mod network;
mod plugin;
mod query;
mod reply;
mod route;
mod serve;
mod swarm;
mod sweep;
mod system;
mod tls;
mod version;
mod volume;

pub use serve::{Listener, serve};
pub use tls::Tls;
