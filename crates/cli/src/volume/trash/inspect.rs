//! `stead volume trash inspect`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] VOLUME|ID [VOLUME|ID...]",
    about: "Display detailed information on one or more removed volumes",
    flags: &[&[FORMAT_ONE]],
    arity: Arity::AtLeast(1),
    completes: Completes::Trashed,
    examples: &[("Where the content is, for a last look", "stead volume trash inspect -f '{{.Mountpoint}}' data")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    inspect::show(context, matches, |engine, word| serde_json::to_value(engine.volume_trash_inspect(word)?).map_err(Failure::error))
}
