//! `stead history`.

use std::collections::BTreeMap;

use stead_base::time::Time;
use stead_base::{ids, size};
use stead_image::HistoryItem;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish, ellipsis};
use crate::listing::{self, FORMAT_LIST};
use crate::output;

/// Width of a command in the table.
const COMMAND_WIDTH: usize = 45;

pub(crate) static HISTORY: Command = Command {
    name: "history",
    usage: "[OPTIONS] IMAGE",
    about: "Show the history of an image",
    also: &["stead image history", "stead history"],
    flags: &[&[
        FORMAT_LIST,
        switch("human", Some('H'), "Print sizes and dates in human readable format").or("true"),
        switch("no-trunc", None, "Don't truncate output"),
        text("platform", None, "Show history for the given platform").hidden(),
        switch("quiet", Some('q'), "Only show image IDs"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Images,
    examples: &[("What each step added", "stead history --no-trunc --format '{{.Size}} {{.CreatedBy}}' redis")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    table: "{{.ID}}\\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}",
    raw: "{{.ID}}",
    quiet: "{{.ID}}",
};

/// How a step is shown.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    human: bool,
    full: bool,
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("platform") {
        return Err(Failure::error(format_args!("option \"--platform {value}\" is not supported: one platform of an image is kept")));
    }
    let wanted = Wanted { human: matches.on_by_default("human"), full: matches.on("no-trunc") };
    let items = context.engine()?.image_history(&matches.args[0])?;
    let rows: Vec<Row> = items.iter().map(|item| row(item, wanted)).collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}

fn row(item: &HistoryItem, wanted: Wanted) -> Row {
    let Wanted { human, full } = wanted;
    let made = Time::from_nanos(i128::from(item.created) * 1_000_000_000);
    let created_at = if item.created > 0 { made.rfc3339() } else { String::new() };
    let by = item.created_by.replace('\t', " ");
    let id = if full || !item.id.contains(':') { item.id.clone() } else { ids::short(&item.id).to_owned() };
    let since = if human && item.created > 0 { listing::ago(made) } else { created_at.clone() };
    let fields = vec![
        ("ID", id),
        ("CreatedSince", since),
        ("CreatedAt", created_at),
        ("CreatedBy", if full { by } else { ellipsis(&by, COMMAND_WIDTH) }),
        ("Size", if human { size::human(item.size) } else { item.size.to_string() }),
        ("Comment", item.comment.clone()),
    ];
    Row::new(fields, BTreeMap::new())
}
