//! `stead kill`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(crate) static KILL: Command = Command {
    name: "kill",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Kill one or more running containers",
    long: "Sends one signal, SIGKILL unless told otherwise, to the container's first process. Names (TERM, SIGTERM, RTMIN+3) and numbers are understood.",
    also: &["stead container kill", "stead kill"],
    flags: &[&[text("signal", Some('s'), "Signal to send to the container")]],
    arity: Arity::AtLeast(1),
    completes: Completes::Running,
    examples: &[("Make nginx read its configuration again", "stead kill -s HUP web")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.container_kill(name, matches.filled("signal"))?;
        Ok(output::line(name)?)
    })
}
