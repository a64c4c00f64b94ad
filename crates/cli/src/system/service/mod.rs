//! `stead system service`: what starts Stead with the machine, for systemd.

mod install;
mod status;
mod systemd;
mod uninstall;
mod unit;

use crate::command::{Act, Command, Completes, Flag, text};

/// The group.
pub(super) static SERVICE: Command = Command {
    name: "service",
    usage: "COMMAND",
    about: "Start the API and restarted containers with the machine",
    long: "There is no daemon to run, but two things are wanted when a machine comes up: the API's socket, behind which `stead serve` is started\n\
           by the first client, and the containers whose restart policy is always or unless-stopped.",
    act: Act::Group(&[&install::INSTALL, &status::STATUS, &uninstall::UNINSTALL]),
    ..Command::NEW
};

/// Where the units lie.
const DIR: Flag = text("dir", None, "Directory of the units").or("\"/etc/systemd/system\"").offers(Completes::Files);
