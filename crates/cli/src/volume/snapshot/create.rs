//! `stead volume snapshot create`.

use stead_engine::volume::snapshot::{GroupRequest, SnapshotRequest, SnapshotView};
use stead_mount::names::split_snapshot;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS] VOLUME|--group GROUP [NAME]",
    about: "Take a snapshot of a volume, or of all of a project at one instant",
    long: "Prints VOLUME@NAME; without NAME it is the time. Containers that use the volume go on running: they stand still for the moment in\n\
           which the state is taken, and how long that was is printed to stderr. What is printed survives a power cut.\n\
           --group takes all volumes of a Compose project, or all with a label, at one instant: all of them or none.\n\
           --hook runs what the label stead.snapshot.pre of a running container that uses it says, inside of it, and stead.snapshot.post\n\
           afterwards, whatever came of it; where the first fails, no snapshot is taken.",
    flags: &[&[
        value("format", None, "string", check_format, "'json' prints each snapshot as a JSON object, with its pause in milliseconds")
            .or("\"\""),
        text("group", None, "Take all volumes of this Compose project, or with this label (KEY or KEY=VALUE)"),
        switch("hook", None, "Run the hooks that the labels of the containers name"),
        value("label", None, "list", check_label, "Set metadata for the snapshot"),
        switch("quiet", Some('q'), "Do not print the pause"),
    ]],
    arity: Arity::Between(0, 2),
    completes: Completes::Volumes,
    examples: &[
        ("Before an upgrade", "stead volume snapshot create pgdata before-18"),
        ("Named by the time", "stead volume snapshot create pgdata"),
        ("A whole project, with what its databases do before", "stead volume snapshot create --group shop --hook nightly"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let labels = matches.list("label").map(stead_base::label::split).collect();
    let hook = matches.on("hook");
    let how = match matches.filled("format") {
        Some(_) => Told::Json,
        None if matches.on("quiet") => Told::Names,
        None => Told::All,
    };
    if let Some(group) = matches.filled("group") {
        let name = match matches.args.as_slice() {
            [] => None,
            [name] => Some(name.clone()),
            _ => return Err(Failure::plain(1, "conflicting options: --group says which volumes, so that only a NAME can follow")),
        };
        let request = GroupRequest { group: group.to_owned(), name, labels, hook };
        return tell(&context.engine()?.volume_snapshot_group(&request)?, how);
    }
    let Some(first) = matches.args.first() else {
        return Err(Failure::plain(1, "say which volume, or --group with a project or a label"));
    };
    let (volume, named) = split_snapshot(first);
    let request = SnapshotRequest {
        volume: volume.to_owned(),
        name: matches.args.get(1).map(String::as_str).or(named).map(str::to_owned),
        labels,
        ..SnapshotRequest::default()
    };
    tell(&[context.engine()?.volume_snapshot_hooked(&request, hook)?], how)
}

/// One object a line and nothing else, for programs.
fn check_format(text: &str) -> Result<(), String> {
    if text == "json" { Ok(()) } else { Err("the only format is json".to_owned()) }
}

/// What is said of what was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Names, and the pause on stderr.
    All,
    /// Names.
    Names,
    /// One object a snapshot.
    Json,
}

fn tell(taken: &[SnapshotView], how: Told) -> Outcome {
    if how == Told::Json {
        for snapshot in taken {
            let line = serde_json::to_string(snapshot).map_err(|why| Failure::plain(1, why.to_string()))?;
            output::line(&line)?;
        }
        return Ok(0);
    }
    let of = if let [_, _, ..] = taken { format!("{} snapshots", taken.len()) } else { "Snapshot".to_owned() };
    if let Some(pause) = taken.first().and_then(|snapshot| snapshot.pause_ms)
        && how == Told::All
    {
        output::warn(&format!("{of} taken; paused {pause:.1} ms"));
    }
    for snapshot in taken {
        for warning in &snapshot.warnings {
            output::warn(&format!("WARNING: {warning}"));
        }
        output::line(&format!("{}@{}", snapshot.volume, snapshot.name))?;
    }
    Ok(0)
}
