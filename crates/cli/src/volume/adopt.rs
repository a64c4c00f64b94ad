//! `stead volume adopt`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::output;

pub(super) static ADOPT: Command = Command {
    name: "adopt",
    usage: "ANONYMOUS_VOLUME|CONTAINER:PATH NAME",
    about: "Keep the data of an anonymous volume under a name",
    long: "Nothing is copied. The volume is named by its name, by the beginning of that, or by the container that has it and where. Stopped\n\
           containers that use it start with it under its new name; while one of them runs it is refused. From then on neither prune nor\n\
           rm -v nor --rm take it.",
    arity: Arity::Exactly(2),
    completes: Completes::Volumes,
    examples: &[
        ("What a container without -v has written", "stead stop cache && stead volume adopt cache:/data cache-data"),
        ("What a removed container has left", "stead volume adopt 3f2a91c0 pgdata"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let [what, name] = matches.args.as_slice() else { return Ok(1) };
    let volume = context.engine()?.volume_adopt(what, name)?;
    output::line(&volume.name)?;
    Ok(0)
}
