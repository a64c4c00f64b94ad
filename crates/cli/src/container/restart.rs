//! `stead restart`.

use super::stop::{ENDING, timeout};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(crate) static RESTART: Command = Command {
    name: "restart",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Restart one or more containers",
    long: "Stops each container as `stead stop` does and starts it again; one that does not run is only started.",
    also: &["stead container restart", "stead restart"],
    flags: &[&ENDING],
    arity: Arity::AtLeast(1),
    completes: Completes::Containers,
    examples: &[("Restart a web server at once", "stead restart -t 0 web")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let timeout = timeout(matches)?;
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.container_restart(name, matches.filled("signal"), timeout)?;
        Ok(output::line(name)?)
    })
}
