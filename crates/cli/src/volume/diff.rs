//! `stead volume diff`.

use std::collections::BTreeMap;

use stead_engine::volume::diff::{DiffRequest, VolumeChange};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

pub(super) static DIFF: Command = Command {
    name: "diff",
    usage: "[OPTIONS] VOLUME[@SNAPSHOT] [@SNAPSHOT]",
    about: "Show what changed in a volume since a snapshot, or between two",
    long: "A was added, C was changed, D was deleted; of what changed, --format json says what: content, mode, owner, mtime, xattrs, target, device\n\
           or kind. Without a second snapshot it is compared with the present, without a first one it is the newest. Lines come as they are found;\n\
           a file that is proved to be the same by its inode number and times is not read.",
    flags: &[&[FORMAT_LIST]],
    arity: Arity::Between(1, 2),
    completes: Completes::Volumes,
    examples: &[
        ("Since a snapshot", "stead volume diff pgdata@before-18"),
        ("Between two", "stead volume diff pgdata@monday @tuesday"),
        ("What of it changed", "stead volume diff --format '{{.Type}} {{.Path}} {{.What}}' pgdata@monday"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("Type", "CHANGE TYPE"),
        ("Path", "PATH"),
        ("Kind", "KIND"),
        ("What", "WHAT"),
        ("SizeBefore", "SIZE BEFORE"),
        ("SizeAfter", "SIZE AFTER"),
    ],
    table: "{{.Type}}\\t{{.Path}}\\t{{.What}}",
    raw: "{{.Type}} {{.Path}}",
    quiet: "{{.Type}} {{.Path}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let request = DiffRequest::parse(matches.args.first().map_or("", String::as_str), matches.args.get(1).map(String::as_str));
    let engine = context.engine()?;
    let written = |outcome: std::io::Result<()>| outcome.map_err(|e| stead_engine::Failure::new(stead_base::Kind::Internal, e.to_string()));
    match matches.filled("format") {
        None | Some("raw") => engine.volume_diff(&request, &mut |change| written(print(&change)))?,
        Some("json") => {
            engine.volume_diff(&request, &mut |change| {
                written(rows::render(&LAYOUT, JSON, &[row(&change)]).map_err(std::io::Error::other).and_then(|text| output::text(&text)))
            })?;
        }
        format => {
            let mut all = Vec::new();
            engine.volume_diff(&request, &mut |change| {
                all.push(row(&change));
                Ok(())
            })?;
            output::text(&rows::render(&LAYOUT, Wish { format, quiet: false }, &all)?)?;
        }
    }
    Ok(0)
}

const JSON: Wish<'static> = Wish { format: Some("json"), quiet: false };

/// The very bytes of the path; on a terminal nothing that would steer it.
fn print(change: &VolumeChange) -> std::io::Result<()> {
    if output::is_terminal() {
        return output::line(&format!("{} {}", letter(change), change.path.replace(char::is_control, "?")));
    }
    let mut line = format!("{} ", letter(change)).into_bytes();
    line.extend(&change.raw);
    line.push(b'\n');
    output::stdout_bytes(&line)
}

fn letter(change: &VolumeChange) -> &'static str {
    match change.kind {
        0 => "C",
        1 => "A",
        _ => "D",
    }
}

fn row(change: &VolumeChange) -> Row {
    let fields = vec![
        ("Type", letter(change).to_owned()),
        ("Path", change.path.clone()),
        ("Kind", change.r#type.to_owned()),
        ("What", change.what.join(",")),
        ("SizeBefore", change.size_before.to_string()),
        ("SizeAfter", change.size_after.to_string()),
    ];
    Row::new(fields, BTreeMap::new())
}
