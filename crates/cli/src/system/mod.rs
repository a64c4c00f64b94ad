//! `stead system` and the commands about the whole engine: one verb a file.

mod check;
mod config;
mod df;
mod events;
mod info;
pub(crate) mod inspect;
mod login;
mod logout;
mod migrate_from;
mod pool;
mod prune;
mod run_due;
mod service;
mod version;

pub(crate) use events::EVENTS;
pub(crate) use info::INFO;
pub(crate) use login::LOGIN;
pub(crate) use logout::LOGOUT;
pub(crate) use version::{VERSION, line as version_line};

use crate::command::{Act, Command};

/// The group.
pub(crate) static SYSTEM: Command = Command {
    name: "system",
    usage: "COMMAND",
    about: "Manage the engine",
    act: Act::Group(&[
        &check::CHECK,
        &config::CONFIG,
        &df::DF,
        &EVENTS,
        &INFO,
        &migrate_from::MIGRATE_FROM,
        &pool::POOL,
        &prune::PRUNE,
        &run_due::RUN_DUE,
        &service::SERVICE,
    ]),
    ..Command::NEW
};
