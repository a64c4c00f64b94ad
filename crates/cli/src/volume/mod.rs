//! `stead volume`: one verb a file.

mod clone;
mod create;
mod inspect;
mod ls;
mod protect;
pub(crate) mod prune;
mod rename;
mod rm;
mod rollback;
mod schedule;
mod snapshot;
mod trash;
mod undelete;
mod unprotect;
mod update;

use crate::command::{Act, Command};

pub(crate) use inspect::object;

/// The group.
pub(crate) static VOLUME: Command = Command {
    name: "volume",
    usage: "COMMAND",
    about: "Manage volumes",
    act: Act::Group(&[
        &clone::CLONE,
        &create::CREATE,
        &inspect::INSPECT,
        &ls::LS,
        &protect::PROTECT,
        &prune::PRUNE,
        &rename::RENAME,
        &rm::RM,
        &rollback::ROLLBACK,
        &snapshot::SNAPSHOT,
        &trash::TRASH,
        &undelete::UNDELETE,
        &unprotect::UNPROTECT,
        &update::UPDATE,
    ]),
    ..Command::NEW
};
