//! `stead diff`.

use std::collections::BTreeMap;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

pub(crate) static DIFF: Command = Command {
    name: "diff",
    usage: "[OPTIONS] CONTAINER",
    about: "Inspect changes to files or directories on a container's filesystem",
    long: "A was added, C was changed, D was deleted. Volumes and other mounts are not part of it.",
    also: &["stead container diff", "stead diff"],
    flags: &[&[FORMAT_LIST]],
    arity: Arity::Exactly(1),
    completes: Completes::Containers,
    examples: &[("What a container wrote outside of its volumes", "stead diff web")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Type", "CHANGE TYPE"), ("Path", "PATH")],
    table: "{{.Type}}\\t{{.Path}}",
    raw: "{{.Type}} {{.Path}}",
    quiet: "{{.Type}} {{.Path}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let changes = context.engine()?.container_diff(&matches.args[0])?;
    let rows: Vec<Row> = changes
        .into_iter()
        .map(|change| {
            let kind = match change.kind {
                0 => "C",
                1 => "A",
                _ => "D",
            };
            Row::new(vec![("Type", kind.to_owned()), ("Path", change.path)], BTreeMap::new())
        })
        .collect();
    let wish = Wish { format: Some(matches.filled("format").unwrap_or("raw")), quiet: false };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}
