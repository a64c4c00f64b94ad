//! `stead system config`: what is set for this root.

mod get;
mod ls;
mod set;

use stead_engine::system::config::KEYS;

use crate::command::{Act, Command, Completes};

/// The group.
pub(super) static CONFIG: Command = Command {
    name: "config",
    usage: "COMMAND",
    about: "Show and change what is set for this root",
    long: "What is set lies in config.json below the root and holds for every command from then on; what is not set has its default.",
    act: Act::Group(&[&get::GET, &ls::LS, &set::SET]),
    ..Command::NEW
};

/// The keys, for completion.
const NAMES: [&str; KEYS.len()] = {
    let mut names = [""; KEYS.len()];
    let mut n = 0;
    while n < KEYS.len() {
        names[n] = KEYS[n].name;
        n += 1;
    }
    names
};
const COMPLETES: Completes = Completes::Words(&NAMES);
