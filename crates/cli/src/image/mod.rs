//! `stead image`: one verb a file.

pub(crate) mod history;
pub(crate) mod import;
mod inspect;
pub(crate) mod load;
pub(crate) mod ls;
mod progress;
mod prune;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod rm;
pub(crate) mod save;
pub(crate) mod search;
pub(crate) mod tag;

pub(crate) use inspect::object;
pub(crate) use progress::To;

use crate::command::{Act, Command};

/// The group.
pub(crate) static IMAGE: Command = Command {
    name: "image",
    usage: "COMMAND",
    about: "Manage images",
    act: Act::Group(&[
        &history::HISTORY,
        &import::IMPORT,
        &inspect::INSPECT,
        &load::LOAD,
        &ls::LS,
        &prune::PRUNE,
        &pull::PULL,
        &push::PUSH,
        &rm::RM,
        &save::SAVE,
        &tag::TAG,
    ]),
    ..Command::NEW
};

/// A reference with the tag that is meant where none is written.
pub(crate) fn tagged(reference: &str) -> String {
    stead_image::Reference::parse(reference).map_or_else(|_odd| reference.to_owned(), |r| r.or_latest().familiar())
}
