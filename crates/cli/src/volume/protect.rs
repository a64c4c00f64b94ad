//! `stead volume protect`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(super) static PROTECT: Command = Command {
    name: "protect",
    usage: "VOLUME [VOLUME...]",
    about: "Let nothing remove one or more volumes",
    long: "No flag overrides it: neither rm --force nor prune, neither compose's 'down -v' nor rm -v, and not --now. Containers use the volume\n\
           as before, and it can be renamed and rolled back. 'stead volume unprotect' ends it.",
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("What must stay whatever happens", "stead volume protect pgdata")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.volume_protect(name)?;
        Ok(output::line(name)?)
    })
}
