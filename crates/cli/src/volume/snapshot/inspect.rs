//! `stead volume snapshot inspect`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::inspect;
use crate::listing::FORMAT_ONE;

pub(super) static INSPECT: Command = Command {
    name: "inspect",
    usage: "[OPTIONS] VOLUME@SNAPSHOT [VOLUME@SNAPSHOT...]",
    about: "Display detailed information on one or more snapshots",
    flags: &[&[FORMAT_ONE]],
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("How much it holds", "stead volume snapshot inspect -f '{{.Size}} bytes in {{.Entries}} entries' pgdata@before-18")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let words = super::joined(&matches.args)?;
    inspect::show_each(context, matches, &words, |engine, word| {
        let (volume, snapshot) = super::pair(word)?;
        serde_json::to_value(engine.volume_snapshot_inspect(&volume, &snapshot)?).map_err(Failure::error)
    })
}
