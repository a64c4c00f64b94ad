//! `stead rename`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static RENAME: Command = Command {
    name: "rename",
    usage: "CONTAINER NEW_NAME",
    about: "Rename a container",
    long: "Running or not. Its id, its host name and what is mounted stay.",
    also: &["stead container rename", "stead rename"],
    arity: Arity::Exactly(2),
    completes: Completes::Containers,
    examples: &[("Keep the old one while a new one is made", "stead rename web web-old")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (old, new) = (matches.args[0].trim(), matches.args[1].trim());
    if old.is_empty() || new.is_empty() {
        return Err(Failure::error("Neither old nor new names may be empty"));
    }
    context.engine()?.container_rename(old, new).map_err(|failure| {
        output::warn(&Failure::from(failure).render());
        Failure::error(format_args!("failed to rename container named {old}"))
    })?;
    Ok(0)
}
