//! `stead volume`: one verb a file.

mod adopt;
mod cat;
mod clone;
mod cp;
mod create;
mod diff;
mod du;
mod export;
mod files;
mod import;
mod inspect;
mod ls;
mod protect;
pub(crate) mod prune;
mod rename;
mod resize;
mod rm;
mod rollback;
mod schedule;
mod scrub;
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
        &adopt::ADOPT,
        &cat::CAT,
        &clone::CLONE,
        &cp::CP,
        &create::CREATE,
        &diff::DIFF,
        &du::DU,
        &export::EXPORT,
        &import::IMPORT,
        &inspect::INSPECT,
        &ls::LS,
        &protect::PROTECT,
        &prune::PRUNE,
        &rename::RENAME,
        &resize::RESIZE,
        &rm::RM,
        &rollback::ROLLBACK,
        &scrub::SCRUB,
        &snapshot::SNAPSHOT,
        &trash::TRASH,
        &undelete::UNDELETE,
        &unprotect::UNPROTECT,
        &update::UPDATE,
    ]),
    ..Command::NEW
};
