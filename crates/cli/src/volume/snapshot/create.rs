//! `stead volume snapshot create`.

use stead_engine::volume::snapshot::SnapshotRequest;
use stead_mount::names::split_snapshot;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::output;

pub(super) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS] VOLUME [NAME]",
    about: "Take a snapshot of a volume",
    long: "Prints VOLUME@NAME; without NAME it is the time. Containers that use the volume go on running: they stand still for the moment in\n\
           which the state is taken, and how long that was is printed to stderr. What is printed survives a power cut.",
    flags: &[&[
        value("label", None, "list", check_label, "Set metadata for the snapshot"),
        switch("quiet", Some('q'), "Do not print the pause"),
    ]],
    arity: Arity::Between(1, 2),
    completes: Completes::Volumes,
    examples: &[
        ("Before an upgrade", "stead volume snapshot create pgdata before-18"),
        ("Named by the time", "stead volume snapshot create pgdata"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (volume, named) = split_snapshot(matches.args.first().map_or("", String::as_str));
    let request = SnapshotRequest {
        volume: volume.to_owned(),
        name: matches.args.get(1).map(String::as_str).or(named).map(str::to_owned),
        labels: matches.list("label").map(stead_base::label::split).collect(),
        ..SnapshotRequest::default()
    };
    let snapshot = context.engine()?.volume_snapshot_create(&request)?;
    if let Some(pause) = snapshot.pause_ms
        && !matches.on("quiet")
    {
        output::warn(&format!("Snapshot taken; paused {pause:.1} ms"));
    }
    output::line(&format!("{}@{}", snapshot.volume, snapshot.name))?;
    Ok(0)
}
