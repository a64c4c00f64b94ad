//! Containers: one verb a file.

pub(crate) mod adopt;
mod check;
pub mod config;
pub mod copy;
pub mod create;
pub mod exec;
mod inspect;
pub mod list;
pub mod logs;
mod merge;
mod mounts;
mod plan;
mod reap;
pub(crate) mod record;
pub mod remove;
mod resolve;
mod signal;
mod size;
mod start;
pub mod start_all;
mod state;
mod stop;
pub mod wait;

pub(crate) use plan::diff_ids;
