//! `stead volume inspect`.

use serde_json::Value;
use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Display detailed information on one or more volumes",
    flags: &[&[FORMAT_ONE]],
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("Where the data is", "stead volume inspect -f '{{.Mountpoint}}' data")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    inspect::show(context, matches, object)
}

/// One volume in Docker's JSON.
pub(crate) fn object(engine: &Engine, name: &str) -> Result<Value, Failure> {
    let view = engine.volume_inspect(name)?;
    serde_json::to_value(view).map_err(Failure::error)
}
