//! `stead ps`.

use std::collections::BTreeMap;

use serde_json::Value;
use stead_base::time::Time;
use stead_base::{ids, size};
use stead_engine::container::list::{ListOptions, Summary};

use crate::command::parse::{check_int, parse_int};
use crate::command::{Act, Arity, Command, Flag, Matches, Outcome, switch, value};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish, ellipsis};
use crate::listing::{self, FILTER, FORMAT_LIST};
use crate::output;

/// Characters of a command line in the table.
const COMMAND_WIDTH: usize = 20;
/// Characters of a mount in the table.
const MOUNT_WIDTH: usize = 15;

const FLAGS: [Flag; 8] = [
    switch("all", Some('a'), "Show all containers (default shows just running)"),
    FILTER,
    FORMAT_LIST,
    value("last", Some('n'), "int", check_int, "Show n last created containers (includes all states)").or("-1"),
    switch("latest", Some('l'), "Show the latest created container (includes all states)"),
    switch("no-trunc", None, "Don't truncate output"),
    switch("quiet", Some('q'), "Only display container IDs"),
    switch("size", Some('s'), "Display total file sizes"),
];

const BASE: Command = Command {
    name: "ls",
    aliases: &["list", "ps"],
    usage: "[OPTIONS]",
    about: "List containers",
    long: "Filters: id, name, label, label!, status (created, running, paused, restarting, exited), exited=CODE, ancestor=IMAGE,\n\
           before=CONTAINER, since=CONTAINER, volume=NAME|PATH, network, health, publish=PORT[-PORT][/PROTO], expose=PORT[-PORT][/PROTO],\n\
           is-task, isolation, restart-policy.",
    also: &["stead container ls", "stead container list", "stead container ps", "stead ps"],
    flags: &[&FLAGS],
    arity: Arity::Exactly(0),
    examples: &[
        ("Every container, with a table of your own", "stead ps -a --format 'table {{.Names}}\\t{{.Status}}\\t{{.Mounts}}'"),
        ("Who uses the volume data", "stead ps -a -f volume=data"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// `stead container ls`.
pub(crate) static LS: Command = BASE;
/// `stead ps`.
pub(crate) static PS: Command = Command { name: "ps", aliases: &[], ..BASE };

const HEADERS: [(&str, &str); 16] = [
    ("ID", "CONTAINER ID"),
    ("Names", "NAMES"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
    ("HealthStatus", "HEALTH STATUS"),
];

const RAW: &str = "container_id: {{.ID}}\\nimage: {{.Image}}\\ncommand: {{.Command}}\\ncreated_at: {{.CreatedAt}}\\nstate: {{- pad .State 1 0}}\\n\
                   status: {{- pad .Status 1 0}}\\nnames: {{.Names}}\\nlabels: {{- pad .Labels 1 0}}\\nports: {{- pad .Ports 1 0}}\\n";

const PLAIN: Layout = Layout {
    headers: &HEADERS,
    table: "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}",
    raw: RAW,
    quiet: "{{.ID}}",
};
const SIZED: Layout = Layout {
    headers: &HEADERS,
    table: "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}\\t{{.Size}}",
    raw: RAW,
    quiet: "{{.ID}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let format = matches.filled("format");
    if matches.on("quiet") && format.is_some() {
        output::warn("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    let sized = matches.on("size") || format.is_some_and(|f| f.contains(".Size"));
    let filters = listing::filters(matches)?;
    let options = ListOptions { all: matches.on("all"), last: last(matches)?, size: sized, filters };
    let list = context.engine()?.container_list(&options)?;
    let full = matches.on("no-trunc");
    let rows: Vec<Row> = list.iter().map(|one| row(one, full)).collect();
    let layout = if matches.on("size") { &SIZED } else { &PLAIN };
    let wish = Wish { format: format.filter(|_| !matches.on("quiet")), quiet: matches.on("quiet") };
    output::text(&rows::render(layout, wish, &rows)?)?;
    Ok(0)
}

fn last(matches: &Matches) -> Result<Option<usize>, Failure> {
    let asked = matches.text("last").map(parse_int).transpose().map_err(Failure::error)?;
    Ok(match asked.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0) {
        None if matches.on("latest") => Some(1),
        asked => asked,
    })
}

fn row(one: &Summary, full: bool) -> Row {
    let shown = |text: &str, width: usize| if full { text.to_owned() } else { ellipsis(text, width) };
    let names: Vec<&str> = one.names.iter().map(|n| n.trim_start_matches('/')).collect();
    let created = Time::from_nanos(i128::from(one.created) * 1_000_000_000);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mount = |m: &Value| Some(text(m, "Name")).filter(|n| !n.is_empty()).unwrap_or_else(|| text(m, "Source"));
    let mounts: Vec<String> = one.mounts.iter().map(|m| shown(&mount(m), MOUNT_WIDTH)).collect();
    let volumes = one.mounts.iter().filter(|m| text(m, "Driver") == "local").count();
    let networks: Vec<&str> =
        one.network_settings.get("Networks").and_then(Value::as_object).map(|n| n.keys().map(String::as_str).collect()).unwrap_or_default();
    let command = shown(&one.command, COMMAND_WIDTH);
    // Docker shows the id where the tag has moved on to another image; a plain id is shortened.
    let image = if ids::is_full_id(one.image.trim_start_matches("sha256:")) && !full {
        ids::short(&one.image).to_owned()
    } else {
        one.image.clone()
    };
    let fields = vec![
        ("ID", if full { one.id.clone() } else { ids::short(&one.id).to_owned() }),
        ("Names", names.join(",")),
        ("Image", image),
        ("Command", crate::command::quote::go(&command)),
        ("CreatedAt", created.table()),
        ("RunningFor", listing::ago(created)),
        ("Ports", super::ports::words(&one.ports)),
        ("State", one.state.clone()),
        ("Status", one.status.clone()),
        ("Size", size_words(one)),
        ("Labels", listing::labels(&one.labels)),
        ("Mounts", mounts.join(",")),
        ("LocalVolumes", volumes.to_string()),
        ("Networks", networks.join(",")),
        ("Platform", String::new()),
        ("HealthStatus", String::new()),
    ];
    let labels: BTreeMap<String, String> = one.labels.clone();
    Row::new(fields, labels)
}

/// `2B (virtual 80MB)`.
fn size_words(one: &Summary) -> String {
    match (one.size_rw, one.size_root_fs) {
        (Some(own), Some(all)) if all > 0 => format!("{} (virtual {})", size::human(own), size::human(all)),
        (Some(own), _) => size::human(own),
        _ => size::human(0),
    }
}
