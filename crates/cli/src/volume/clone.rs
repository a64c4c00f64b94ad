//! `stead volume clone`.

use stead_engine::volume::CloneRequest;
use stead_mount::names::split_snapshot;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::{output, roles};

pub(super) static CLONE: Command = Command {
    name: "clone",
    usage: "[OPTIONS] VOLUME[@SNAPSHOT] NEW_VOLUME",
    about: "Make a new volume with the content of another",
    long: "Of a snapshot, or of what the volume has now: then containers that use it stand still for a moment, as for a snapshot. The new volume is\n\
           of its own: nothing that is written to one is seen in the other. It has the labels of the old one, but for compose's, and no image ever\n\
           fills it. On btrfs and xfs no file's data is copied.",
    flags: &[&[value("label", None, "list", check_label, "Set metadata for the new volume")]],
    arity: Arity::Exactly(2),
    completes: Completes::Volumes,
    examples: &[
        ("A copy to try the upgrade on", "stead volume clone pgdata pgdata-test"),
        ("What was there on Monday, beside what is there now", "stead volume clone pgdata@monday pgdata-monday"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let [old, new] = matches.args.as_slice() else { return Ok(1) };
    let (volume, snapshot) = split_snapshot(old);
    let request = CloneRequest {
        volume: volume.to_owned(),
        snapshot: snapshot.map(str::to_owned),
        new: new.clone(),
        labels: matches.list("label").map(stead_base::label::split).collect(),
    };
    let engine = context.engine()?;
    let cloned = engine.volume_clone(&request);
    roles::sweep_later(&engine);
    output::line(&cloned?.name)?;
    Ok(0)
}
