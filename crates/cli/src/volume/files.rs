//! `stead volume ls VOLUME:PATH`: what lies in a directory of a volume.

use std::collections::BTreeMap;

use stead_base::size;
use stead_base::time::Time;
use stead_engine::volume::files::FileView;

use super::cat::place;
use crate::command::{Matches, Outcome};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::{listing, output};

const LAYOUT: Layout = Layout {
    headers: &[
        ("Mode", "MODE"),
        ("Type", "TYPE"),
        ("UID", "UID"),
        ("GID", "GID"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Bytes", "BYTES"),
        ("Modified", "MODIFIED"),
        ("ModifiedAt", "MODIFIED AT"),
        ("Name", "NAME"),
        ("NameHex", "NAME IN HEX"),
        ("Target", "TARGET"),
        ("Shown", "NAME"),
    ],
    table: "{{.Mode}}\\t{{.UID}}\\t{{.GID}}\\t{{.Size}}\\t{{.Modified}}\\t{{.Shown}}",
    raw: "name: {{.Name}}\\ntype: {{.Type}}\\nmode: {{.Mode}}\\nuid: {{.UID}}\\ngid: {{.GID}}\\nsize: {{.Bytes}}\\nmodified_at: {{.ModifiedAt}}\\n",
    quiet: "{{.Name}}",
};

pub(super) fn run(context: &Context, matches: &Matches, text: &str) -> Outcome {
    let (name, path) = place(text)?;
    let rows: Vec<Row> = context.engine()?.volume_files(name, path)?.into_iter().map(row).collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}

fn row(one: FileView) -> Row {
    let shown = match &one.target {
        Some(target) => format!("{} -> {}", printable(&one.name), printable(target)),
        None => printable(&one.name),
    };
    let fields = vec![
        ("Mode", one.mode),
        ("Type", one.kind.to_owned()),
        ("UID", one.uid.to_string()),
        ("GID", one.gid.to_string()),
        ("Links", one.links.to_string()),
        ("Size", size::human(one.size)),
        ("Bytes", one.size.to_string()),
        ("Modified", Time::parse(&one.modified_at).map_or_else(String::new, listing::ago)),
        ("ModifiedAt", one.modified_at),
        ("Name", one.name),
        ("NameHex", one.name_hex.unwrap_or_default()),
        ("Target", one.target.unwrap_or_default()),
        ("Shown", shown),
    ];
    Row::new(fields, BTreeMap::new())
}

/// A name for a terminal: whoever writes to a volume chooses it, and escape sequences act.
pub(super) fn printable(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
