//! `stead volume rollback`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::{output, roles};

pub(super) static ROLLBACK: Command = Command {
    name: "rollback",
    usage: "VOLUME@SNAPSHOT",
    about: "Give a volume the content of one of its snapshots",
    long: "What is there now is kept as a snapshot first, whose name is printed: rolling back to that undoes it. The change is one step, so that\n\
           there is no moment at which the volume has half of each. Refused while a container that uses the volume runs; stopped ones find the\n\
           old content at their next start.",
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    examples: &[("After an upgrade that went wrong", "stead volume rollback pgdata@before-18")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (volume, snapshot) = super::snapshot::pair(matches.args.first().map_or("", String::as_str))?;
    let engine = context.engine()?;
    let before = engine.volume_rollback(&volume, &snapshot);
    roles::sweep_later(&engine);
    let before = before?;
    output::line(&format!("{}@{}", before.volume, before.name))?;
    Ok(0)
}
