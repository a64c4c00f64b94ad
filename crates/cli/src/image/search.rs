//! `stead search`.

use std::collections::BTreeMap;

use stead_engine::image::access::Auth;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch, value};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish, ellipsis};
use crate::listing::{self, FILTER, FORMAT_LIST};
use crate::output;

/// Width of a description in the table.
const DESCRIPTION_WIDTH: usize = 45;

pub(crate) static SEARCH: Command = Command {
    name: "search",
    usage: "[OPTIONS] TERM",
    about: "Search Docker Hub for images",
    long: "Asks the index of Docker Hub, or of the registry that TERM begins with. Filters: is-official=true|false, stars=NUMBER.",
    flags: &[&[
        FILTER,
        FORMAT_LIST,
        value("limit", None, "int", number, "Max number of search results"),
        switch("no-trunc", None, "Don't truncate output"),
    ]],
    arity: Arity::Exactly(1),
    examples: &[("Official images", "stead search --filter is-official=true redis")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Name", "NAME"), ("Description", "DESCRIPTION"), ("StarCount", "STARS"), ("IsOfficial", "OFFICIAL")],
    table: "{{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{if eq .IsOfficial \"true\"}}[OK]{{end}}",
    raw: "{{.Name}}",
    quiet: "{{.Name}}",
};

fn number(text: &str) -> Result<(), String> {
    text.parse::<i64>().map(drop).map_err(|_bad| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    let filters = listing::filters(matches)?;
    let limit = matches.filled("limit").and_then(|n| n.parse().ok()).unwrap_or(0);
    let found = context.engine()?.image_search(&matches.args[0], &filters, limit, &Auth::Configured).map_err(Failure::from)?;
    let row = |one: &stead_image::Found| {
        let description = if matches.on("no-trunc") { one.description.clone() } else { ellipsis(&one.description, DESCRIPTION_WIDTH) };
        let fields = vec![
            ("Name", one.name.clone()),
            ("Description", description),
            ("StarCount", one.star_count.to_string()),
            ("IsOfficial", one.is_official.to_string()),
            ("IsAutomated", one.is_automated.to_string()),
        ];
        Row::new(fields, BTreeMap::new())
    };
    let rows: Vec<Row> = found.iter().map(row).collect();
    output::text(&rows::render(&LAYOUT, Wish { format: matches.text("format"), quiet: false }, &rows)?)?;
    Ok(0)
}
