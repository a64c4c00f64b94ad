//! `stead volume trash`: removed volumes that can still be had back.

mod empty;
mod inspect;
mod ls;

use crate::command::{Act, Command};

/// The group.
pub(super) static TRASH: Command = Command {
    name: "trash",
    usage: "COMMAND",
    about: "Manage removed volumes",
    long: "What volume rm, volume prune, rm -v, run --rm and compose's 'down -v' remove can be had back with 'stead volume undelete': for a week,\n\
           or for a day where nobody had named the volume (trash.keep-named and trash.keep-anonymous in 'stead system config').",
    act: Act::Group(&[&empty::EMPTY, &inspect::INSPECT, &ls::LS]),
    ..Command::NEW
};
