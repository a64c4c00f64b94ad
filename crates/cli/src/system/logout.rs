//! `stead logout`.

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::output;

pub(crate) static LOGOUT: Command = Command {
    name: "logout",
    usage: "[SERVER]",
    about: "Log out from a registry",
    long: "Without SERVER it is Docker Hub.",
    arity: Arity::AtMost(1),
    examples: &[("Forget a password", "stead logout registry.example:5000")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let host = matches.args.first().map_or("", String::as_str);
    let shown = if host.is_empty() { "https://index.docker.io/v1/" } else { host };
    output::line(&format!("Removing login credentials for {shown}"))?;
    context.engine()?.system_logout(host)?;
    Ok(0)
}
