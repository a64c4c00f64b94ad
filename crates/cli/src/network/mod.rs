//! `stead network`: one verb a file.

mod connect;
mod create;
mod disconnect;
mod inspect;
mod ls;
mod prune;
mod rm;

use crate::command::{Act, Command};

pub(crate) use inspect::object;

/// The group.
pub(crate) static NETWORK: Command = Command {
    name: "network",
    usage: "COMMAND",
    about: "Manage networks",
    act: Act::Group(&[&connect::CONNECT, &create::CREATE, &disconnect::DISCONNECT, &inspect::INSPECT, &ls::LS, &prune::PRUNE, &rm::RM]),
    ..Command::NEW
};
