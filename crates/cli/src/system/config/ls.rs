//! `stead system config ls`.

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

pub(super) static LS: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS]",
    about: "List everything that can be set",
    flags: &[&[FORMAT_LIST]],
    arity: Arity::Exactly(0),
    examples: &[("Keys and values for a script", "stead system config ls --format '{{.Key}}={{.Value}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Key", "KEY"), ("Value", "VALUE"), ("Source", "SOURCE"), ("About", "WHAT IT IS")],
    table: "{{.Key}}\\t{{.Value}}\\t{{.Source}}\\t{{.About}}",
    raw: "key: {{.Key}}\\nvalue: {{.Value}}\\nsource: {{.Source}}\\n",
    quiet: "{{.Key}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let settings = context.engine()?.system_config_list()?;
    let row = |setting: stead_engine::system::config::Setting| {
        let source = if setting.is_default { "default" } else { "config.json" };
        let fields = vec![("Key", setting.key), ("Value", setting.value), ("Source", source.to_owned()), ("About", setting.about)];
        Row::new(fields, Default::default())
    };
    let rows: Vec<Row> = settings.into_iter().map(row).collect();
    output::text(&rows::render(&LAYOUT, Wish { format: matches.filled("format"), quiet: false }, &rows)?)?;
    Ok(0)
}
