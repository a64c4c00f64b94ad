//! `stead tag`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;

pub(crate) static TAG: Command = Command {
    name: "tag",
    usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    also: &["stead image tag", "stead tag"],
    arity: Arity::Exactly(2),
    completes: Completes::Images,
    examples: &[("A second name", "stead tag redis:latest cache:known-good")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    context.engine()?.image_tag(&matches.args[0], &matches.args[1])?;
    Ok(0)
}
