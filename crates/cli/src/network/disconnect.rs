//! `stead network disconnect`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;

pub(super) static DISCONNECT: Command = Command {
    name: "disconnect",
    usage: "[OPTIONS] NETWORK CONTAINER",
    about: "Disconnect a container from a network",
    flags: &[&[switch("force", Some('f'), "Force the container to disconnect from a network")]],
    arity: Arity::Exactly(2),
    completes: Completes::Networks,
    examples: &[("Take a container out of a network while it runs", "stead network disconnect shop postgres")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    context.engine()?.network_disconnect(&matches.args[0], &matches.args[1], matches.on("force"))?;
    Ok(0)
}
