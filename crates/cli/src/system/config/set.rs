//! `stead system config set`.

use super::COMPLETES;
use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;

pub(super) static SET: Command = Command {
    name: "set",
    usage: "KEY VALUE",
    about: "Set one key",
    long: "It holds from the next command on, for removals that come after it. An empty VALUE makes the default hold again.",
    arity: Arity::Exactly(2),
    completes: COMPLETES,
    examples: &[
        ("Keep removed volumes for two weeks", "stead system config set trash.keep-named 2w"),
        ("Give the oldest removed volumes back while less than 10 GiB are free", "stead system config set trash.pressure 10g"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let [name, value] = matches.args.as_slice() else { return Ok(1) };
    context.engine()?.system_config_set(name, value)?;
    Ok(0)
}
