//! The only place where rooms meet: one folder a noun, one file a verb.
//!
//! - Purpose: every verb of the command line and the API, once.
//! - Door: [`Engine`], the request and answer types of each verb, [`Failure`].
//! - Knows: all rooms below; the order in which a state change is prepared, published and acknowledged.
//! - Must not know: HTTP, clap, the terminal, the environment, system calls.
//! - If we crash here: the next command finds the ledger, the records and the markers, and finishes or forgets what was half done.

pub mod container;
mod emit;
mod engine;
pub mod exec;
mod failure;
pub mod image;
pub mod network;
pub mod session;
pub mod system;
pub mod volume;

pub use engine::{Engine, Options};
pub use failure::{Failure, Result};
