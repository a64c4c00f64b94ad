//! `stead volume unprotect`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(super) static UNPROTECT: Command = Command {
    name: "unprotect",
    usage: "VOLUME [VOLUME...]",
    about: "Let one or more protected volumes be removed again",
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("Before it is removed after all", "stead volume unprotect pgdata")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.volume_unprotect(name)?;
        Ok(output::line(name)?)
    })
}
