//! The engine as a whole.

pub mod check;
pub mod config;
pub mod df;
pub mod events;
mod host;
mod info;
pub mod login;
pub mod migrate_from;
pub mod pool;
pub mod prune;
mod repair;
pub mod run_due;
mod sweep;
