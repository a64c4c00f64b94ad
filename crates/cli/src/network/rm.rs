//! `stead network rm`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

pub(super) static RM: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "NETWORK [NETWORK...]",
    about: "Remove one or more networks",
    long: "A network with running containers stays. Containers that do not run may refer to it; they will not start without it.",
    also: &["stead network rm", "stead network remove"],
    flags: &[&[switch("force", Some('f'), "Do not error if the network does not exist")]],
    arity: Arity::AtLeast(1),
    completes: Completes::Networks,
    examples: &[("Remove a network", "stead network rm shop")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| match engine.network_remove(name) {
        Err(failure) if matches.on("force") && failure.kind == stead_base::Kind::NotFound => Ok(()),
        Err(failure) => Err(Failure::from(failure)),
        Ok(()) => Ok(output::line(name)?),
    })
}
