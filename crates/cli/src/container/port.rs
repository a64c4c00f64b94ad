//! `stead port`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static PORT: Command = Command {
    name: "port",
    usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
    about: "List port mappings or a specific mapping for the container",
    also: &["stead container port", "stead port"],
    arity: Arity::Between(1, 2),
    completes: Completes::Containers,
    examples: &[("Where port 80 is reached", "stead port web 80")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let wanted = matches.args.get(1).map(String::as_str).filter(|port| !port.is_empty());
    let found = context.engine()?.container_port(&matches.args[0], wanted);
    let ports = found.map_err(|failure| {
        let ours = failure.kind == stead_base::Kind::Invalid;
        if ours { Failure::plain(1, failure.message) } else { Failure::from(failure) }
    })?;
    for port in ports {
        let line = if wanted.is_some() { port.public } else { format!("{} -> {}", port.private, port.public) };
        output::line(&line)?;
    }
    Ok(0)
}
