//! `stead system pool inspect`.

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS]",
    about: "Show what the pool has, what is in it and what the host could still give it",
    flags: &[&[FORMAT_ONE]],
    arity: Arity::Exactly(0),
    examples: &[("How much is free", "stead system pool inspect -f '{{.Free}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    inspect::show_each(context, matches, &["pool".to_owned()], |engine, _word| {
        serde_json::to_value(engine.system_pool_inspect()?).map_err(Failure::error)
    })
}
