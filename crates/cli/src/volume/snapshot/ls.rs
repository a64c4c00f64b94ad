//! `stead volume snapshot ls`.

use stead_base::size;
use stead_base::time::Time;
use stead_engine::volume::snapshot::SnapshotView;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::{self, FORMAT_LIST};
use crate::output;

pub(super) static LS: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS] [VOLUME...]",
    about: "List snapshots",
    long: "The oldest first; of all volumes where none is named. The size of a snapshot is what its files come to, not what it takes on the disk;\n\
           N/A until 'stead volume snapshot inspect' has counted it, because a listing reads no files.",
    also: &["stead volume snapshot ls", "stead volume snapshot list"],
    flags: &[&[FORMAT_LIST, switch("quiet", Some('q'), "Only display VOLUME@SNAPSHOT")]],
    arity: Arity::Any,
    completes: Completes::Volumes,
    examples: &[
        ("Of one volume", "stead volume snapshot ls pgdata"),
        ("Names and reasons", "stead volume snapshot ls --format '{{.Name}}: {{.Why}}' pgdata"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("Volume", "VOLUME"),
        ("Name", "SNAPSHOT"),
        ("Created", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Method", "METHOD"),
        ("Why", "WHY"),
        ("Size", "SIZE"),
        ("Entries", "ENTRIES"),
        ("Group", "GROUP"),
        ("Labels", "LABELS"),
        ("Mountpoint", "MOUNTPOINT"),
    ],
    table: "{{.Volume}}\\t{{.Name}}\\t{{.Created}}\\t{{.Method}}\\t{{.Size}}\\t{{.Why}}",
    raw: "volume: {{.Volume}}\\nsnapshot: {{.Name}}\\ncreated_at: {{.CreatedAt}}\\nmethod: {{.Method}}\\nsize: {{.Size}}\\nwhy: {{.Why}}\\n",
    quiet: "{{.Volume}}@{{.Name}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let mut volumes = matches.args.clone();
    if volumes.is_empty() {
        volumes = engine.volume_list(&stead_base::filter::Filters::default())?.volumes.into_iter().map(|volume| volume.name).collect();
    }
    let mut all = Vec::new();
    for volume in &volumes {
        match engine.volume_snapshot_list(volume) {
            Ok(list) => all.extend(list),
            // Of many, one that was removed meanwhile or cannot be read does not hide the others.
            Err(failure) if matches.args.is_empty() => output::warn(&format!("WARNING: {failure}")),
            Err(failure) => return Err(failure.into()),
        }
    }
    let rows: Vec<Row> = all.into_iter().map(row).collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}

fn row(one: SnapshotView) -> Row {
    let labels = one.labels.unwrap_or_default();
    let mut group = one.group.unwrap_or_default();
    if one.incomplete {
        group.push_str(" (incomplete)");
    }
    let known = |n: i64, show: fn(u64) -> String| u64::try_from(n).map_or_else(|_unknown| "N/A".to_owned(), show);
    let fields = vec![
        ("Volume", one.volume),
        ("Name", one.name),
        ("Created", Time::parse(&one.created_at).map_or_else(String::new, listing::ago)),
        ("CreatedAt", one.created_at),
        ("Method", one.method),
        ("Why", one.why),
        ("Size", known(one.size, size::human)),
        ("Entries", known(one.entries, |n| n.to_string())),
        ("Group", group),
        ("Labels", listing::labels(&labels)),
        ("Mountpoint", one.mountpoint),
    ];
    Row::new(fields, labels)
}
