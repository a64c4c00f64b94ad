//! `stead volume snapshot rm`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::{output, roles};

pub(super) static RM: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "VOLUME@SNAPSHOT [VOLUME@SNAPSHOT...]",
    about: "Remove one or more snapshots",
    long: "For good: snapshots do not go to the trash. VOLUME SNAPSHOT as two words is understood too.",
    also: &["stead volume snapshot rm", "stead volume snapshot remove"],
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("Remove a snapshot", "stead volume snapshot rm pgdata@before-18")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let words = super::joined(&matches.args)?;
    let engine = context.engine()?;
    let outcome = each(&words, |word| {
        let (volume, snapshot) = super::pair(word)?;
        engine.volume_snapshot_remove(&volume, &snapshot)?;
        Ok(output::line(word)?)
    });
    roles::sweep_later(&engine);
    outcome
}
