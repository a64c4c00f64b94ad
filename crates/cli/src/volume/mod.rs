//! `stead volume`: one verb a file.

mod create;
mod inspect;
mod ls;
mod prune;
mod rm;
mod update;

use crate::command::{Act, Command};

pub(crate) use inspect::object;

/// The group.
pub(crate) static VOLUME: Command = Command {
    name: "volume",
    usage: "COMMAND",
    about: "Manage volumes",
    act: Act::Group(&[&create::CREATE, &inspect::INSPECT, &ls::LS, &prune::PRUNE, &rm::RM, &update::UPDATE]),
    ..Command::NEW
};
