//! `stead unpause`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(crate) static UNPAUSE: Command = Command {
    name: "unpause",
    usage: "CONTAINER [CONTAINER...]",
    about: "Unpause all processes within one or more containers",
    also: &["stead container unpause", "stead unpause"],
    arity: Arity::AtLeast(1),
    completes: Completes::Running,
    examples: &[("Let a paused container go on", "stead unpause db")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.container_unpause(name)?;
        Ok(output::line(name)?)
    })
}
