//! `stead image inspect`.

use serde_json::Value;
use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Display detailed information on one or more images",
    flags: &[&[FORMAT_ONE, text("platform", None, "Inspect a specific platform of the multi-platform image").hidden()]],
    arity: Arity::AtLeast(1),
    completes: Completes::Images,
    examples: &[("The volumes an image declares", "stead image inspect -f '{{json .Config.Volumes}}' redis")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    inspect::show(context, matches, object)
}

/// One image in Docker's JSON.
pub(crate) fn object(engine: &Engine, name: &str) -> Result<Value, Failure> {
    Ok(engine.image_inspect(name)?)
}
