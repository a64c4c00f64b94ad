//! `stead system pool rm`.

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;

pub(super) static RM: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "",
    about: "Take the pool away",
    long: "Refused while volumes live in it or removed ones can still be had back. Its file is deleted; what is on a device stays there, unused.",
    arity: Arity::Exactly(0),
    examples: &[("When nothing is in it any more", "stead system pool rm")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, _matches: &Matches) -> Outcome {
    context.engine()?.system_pool_remove()?;
    Ok(0)
}
