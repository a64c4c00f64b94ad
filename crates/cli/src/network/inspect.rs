//! `stead network inspect`.

use serde_json::Value;
use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] NETWORK [NETWORK...]",
    about: "Display detailed information on one or more networks",
    flags: &[&[FORMAT_ONE, switch("verbose", Some('v'), "Verbose output for diagnostics")]],
    arity: Arity::AtLeast(1),
    completes: Completes::Networks,
    examples: &[("Who is in it", "stead network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}' shop")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    inspect::show(context, matches, object)
}

/// One network in Docker's JSON.
pub(crate) fn object(engine: &Engine, name: &str) -> Result<Value, Failure> {
    serde_json::to_value(engine.network_inspect(name)?).map_err(Failure::error)
}
