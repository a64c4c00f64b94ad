//! `stead system config get`.

use super::COMPLETES;
use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::output;

pub(super) static GET: Command = Command {
    name: "get",
    usage: "KEY",
    about: "Print what holds for one key",
    arity: Arity::Exactly(1),
    completes: COMPLETES,
    examples: &[("How long a removed volume can be had back", "stead system config get trash.keep-named")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let name = matches.args.first().map_or("", String::as_str);
    output::line(&context.engine()?.system_config_get(name)?)?;
    Ok(0)
}
