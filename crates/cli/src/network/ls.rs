//! `stead network ls`.

use stead_base::ids;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::{self, FILTER, FORMAT_LIST};
use crate::output;

pub(super) static LS: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS]",
    about: "List networks",
    long: "Filters: dangling=true|false, driver=NAME, id=BEGINNING, label=KEY[=VALUE], name=PART, scope=local, type=custom|builtin.",
    also: &["stead network ls", "stead network list"],
    flags: &[&[
        FILTER,
        FORMAT_LIST,
        switch("no-trunc", None, "Do not truncate the output"),
        switch("quiet", Some('q'), "Only display network IDs"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("Networks that somebody made", "stead network ls -f type=custom")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
    table: "{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}",
    raw: "network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n",
    quiet: "{{.ID}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let full = matches.on("no-trunc");
    let networks = context.engine()?.network_list(&listing::filters(matches)?)?;
    let rows: Vec<Row> = networks
        .into_iter()
        .map(|network| {
            let fields = vec![
                ("CreatedAt", created(&network.created)),
                ("Driver", network.driver),
                ("ID", if full { network.id } else { ids::short(&network.id).to_owned() }),
                ("IPv4", network.enable_ipv4.to_string()),
                ("IPv6", network.enable_ipv6.to_string()),
                ("Internal", network.internal.to_string()),
                ("Labels", listing::labels(&network.labels)),
                ("Name", network.name),
                ("Scope", network.scope),
            ];
            Row::new(fields, network.labels)
        })
        .collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}

/// As Go prints a time.
fn created(rfc3339: &str) -> String {
    let text = rfc3339.replacen('T', " ", 1);
    text.strip_suffix('Z').map(|utc| format!("{utc} +0000 UTC")).unwrap_or(text)
}
