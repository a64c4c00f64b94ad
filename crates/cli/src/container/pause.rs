//! `stead pause`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(crate) static PAUSE: Command = Command {
    name: "pause",
    usage: "CONTAINER [CONTAINER...]",
    about: "Pause all processes within one or more containers",
    long: "The kernel stops giving the container's processes any time; nothing is told to them. `stop`, `kill` and `rm -f` let them go on first.",
    also: &["stead container pause", "stead pause"],
    arity: Arity::AtLeast(1),
    completes: Completes::Running,
    examples: &[("Keep a container still while its volume is copied", "stead pause db; cp -a /srv/data copy; stead unpause db")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.container_pause(name)?;
        Ok(output::line(name)?)
    })
}
