//! `stead volume du`.

use std::collections::BTreeMap;

use stead_base::size;

use super::cat::place;
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

pub(super) static DU: Command = Command {
    name: "du",
    usage: "[OPTIONS] VOLUME[@SNAPSHOT][:PATH]",
    about: "Show what takes the space of a volume",
    long: "ON DISK is what the files take on the disk, SIZE the sum of their sizes; hard links are counted once, mounts inside are not crossed.",
    flags: &[&[text("depth", Some('d'), "Directories so far below the path get a line of their own").or("1"), FORMAT_LIST]],
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    examples: &[("Two levels, as JSON", "stead volume du -d 2 --format json data:/uploads")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("OnDisk", "ON DISK"),
        ("Allocated", "ALLOCATED"),
        ("Size", "SIZE"),
        ("Bytes", "BYTES"),
        ("Files", "FILES"),
        ("Directories", "DIRECTORIES"),
        ("Path", "PATH"),
    ],
    table: "{{.OnDisk}}\\t{{.Size}}\\t{{.Files}}\\t{{.Path}}",
    raw: "path: {{.Path}}\\nallocated: {{.Allocated}}\\nbytes: {{.Bytes}}\\nfiles: {{.Files}}\\ndirectories: {{.Directories}}\\n",
    quiet: "{{.Path}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (name, path) = if matches.args[0].contains(':') { place(&matches.args[0])? } else { (matches.args[0].as_str(), "/") };
    let depth = match matches.filled("depth") {
        None => 1,
        Some(text) => {
            text.parse().map_err(|_bad| Failure::plain(1, format!("invalid argument {text:?} for \"-d, --depth\": it is no number")))?
        }
    };
    let used = context.engine()?.volume_du(name, path, depth)?;
    let rows: Vec<Row> = used
        .into_iter()
        .map(|one| {
            let fields = vec![
                ("OnDisk", size::human(one.allocated)),
                ("Allocated", one.allocated.to_string()),
                ("Size", size::human(one.size)),
                ("Bytes", one.size.to_string()),
                ("Files", one.files.to_string()),
                ("Directories", one.directories.to_string()),
                ("Path", super::files::printable(&one.path)),
            ];
            Row::new(fields, BTreeMap::new())
        })
        .collect();
    output::text(&rows::render(&LAYOUT, Wish { format: matches.text("format"), quiet: false }, &rows)?)?;
    Ok(0)
}
