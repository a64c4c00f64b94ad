//! The engine as a whole.

pub mod check;
pub mod df;
mod host;
pub mod events;
mod info;
pub mod login;
pub mod migrate_from;
pub mod prune;
mod repair;
mod sweep;
