//! `stead stats`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use stead_base::{Kind, ids, size};
use stead_engine::Engine;
use stead_engine::container::list::ListOptions;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::FORMAT_LIST;
use crate::output;

/// Between two looks: shares of CPU time are taken over this long.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) static STATS: Command = Command {
    name: "stats",
    usage: "[OPTIONS] [CONTAINER...]",
    about: "Display a live stream of container(s) resource usage statistics",
    long: "Without names, all that run. Memory is shown without what the kernel could take back at once (inactive files), as Docker does.",
    also: &["stead container stats", "stead stats"],
    flags: &[&[
        switch("all", Some('a'), "Show all containers (default shows just running)"),
        FORMAT_LIST,
        switch("no-stream", None, "Disable streaming stats and only pull the first result"),
        switch("no-trunc", None, "Do not truncate output"),
    ]],
    completes: Completes::Running,
    arity: Arity::Any,
    examples: &[("Once, as JSON", "stead stats --no-stream --format json")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("ID", "CONTAINER ID"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    table: "{{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}",
    raw: "container: {{.ID}}\\n",
    quiet: "{{.ID}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let (all, once, full) = (matches.on("all"), matches.on("no-stream"), matches.on("no-trunc"));
    let wish = Wish { format: matches.filled("format"), quiet: false };
    // A list that repeats itself clears a terminal's screen; into a file it just goes on.
    let clears = !once && output::is_terminal();
    let mut before = Looks::new();
    loop {
        let looks = look(&engine, &matches.args, all, &before)?;
        // The first look alone has no share of CPU time to show.
        if !before.is_empty() || looks.is_empty() {
            let rows: Vec<Row> = looks.iter().map(|(name, stats)| row(name, stats, full)).collect();
            let text = rows::render(&LAYOUT, wish, &rows)?;
            output::text(&if clears { format!("\u{1b}[2J\u{1b}[H{text}") } else { text })?;
            if once {
                return Ok(0);
            }
        }
        before = looks;
        std::thread::sleep(PAUSE);
    }
}

/// What was seen of each container, by the name it was asked for.
type Looks = Vec<(String, Value)>;

fn look(engine: &Engine, names: &[String], all: bool, before: &Looks) -> Result<Looks, Failure> {
    let asked: Vec<String> = if names.is_empty() {
        let list = engine.container_list(&ListOptions { all, ..ListOptions::default() })?;
        list.iter().map(|one| ids::short(&one.id).to_owned()).collect()
    } else {
        names.to_vec()
    };
    let mut looks = Looks::new();
    for name in asked {
        let earlier = before.iter().find(|(known, _)| *known == name).map(|(_, stats)| stats);
        match engine.container_stats(&name, earlier) {
            Ok(stats) => looks.push((name, stats)),
            // It was listed a moment ago.
            Err(gone) if gone.kind == Kind::NotFound && names.is_empty() => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(looks)
}

fn row(asked: &str, stats: &Value, full: bool) -> Row {
    let text = |key: &str| stats.get(key).and_then(Value::as_str).unwrap_or_default();
    let (used, limit) = memory(stats);
    let (received, sent) = network(stats);
    let (read, written) = (block(stats, 'r'), block(stats, 'w'));
    let id = if full { text("id").to_owned() } else { ids::short(text("id")).to_owned() };
    let fields = vec![
        ("Container", asked.to_owned()),
        ("Name", text("name").trim_start_matches('/').to_owned()),
        ("ID", id),
        ("CPUPerc", format!("{:.2}%", cpu(stats))),
        ("MemUsage", format!("{} / {}", size::human_binary(used), size::human_binary(limit))),
        ("MemPerc", format!("{:.2}%", share(used, limit) * 100.0)),
        ("NetIO", format!("{} / {}", size::human(received), size::human(sent))),
        ("BlockIO", format!("{} / {}", size::human(read), size::human(written))),
        ("PIDs", number(stats, "/pids_stats/current").to_string()),
    ];
    Row::new(fields, BTreeMap::new())
}

fn number(stats: &Value, pointer: &str) -> u64 {
    stats.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits after the point")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Percent of one CPU, so that two busy CPUs are 200.
fn cpu(stats: &Value) -> f64 {
    let grown = |pointer: &str| {
        let now = number(stats, &format!("/cpu_stats{pointer}"));
        now.saturating_sub(number(stats, &format!("/precpu_stats{pointer}")))
    };
    let cpus = u32::try_from(number(stats, "/cpu_stats/online_cpus")).unwrap_or(1);
    share(grown("/cpu_usage/total_usage"), grown("/system_cpu_usage")) * f64::from(cpus) * 100.0
}

/// Usage without inactive files, and the limit.
fn memory(stats: &Value) -> (u64, u64) {
    let used = number(stats, "/memory_stats/usage");
    let idle = ["total_inactive_file", "inactive_file"].iter().find_map(|key| stats.pointer(&format!("/memory_stats/stats/{key}")));
    let idle = idle.and_then(Value::as_u64).filter(|idle| *idle < used).unwrap_or(0);
    (used - idle, number(stats, "/memory_stats/limit"))
}

fn network(stats: &Value) -> (u64, u64) {
    let interfaces = stats.get("networks").and_then(Value::as_object).into_iter().flatten();
    interfaces.fold((0, 0), |(received, sent), (_, one)| (received + number(one, "/rx_bytes"), sent + number(one, "/tx_bytes")))
}

fn block(stats: &Value, letter: char) -> u64 {
    let entries = stats.pointer("/blkio_stats/io_service_bytes_recursive").and_then(Value::as_array).into_iter().flatten();
    let fits = |entry: &&Value| entry.get("op").and_then(Value::as_str).is_some_and(|op| op.to_lowercase().starts_with(letter));
    entries.filter(fits).map(|entry| number(entry, "/value")).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shares_are_taken_between_two_looks() {
        let stats = json!({
            "name": "/web", "id": "0123456789abcdef",
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 3_145_728, "limit": 10_485_760, "stats": {"total_inactive_file": 1_048_576}},
            "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 2}, "eth1": {"rx_bytes": 500, "tx_bytes": 0}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "read", "value": 4096}, {"op": "Write", "value": 10}, {"op": "total", "value": 1}]},
            "pids_stats": {"current": 3},
        });
        let row = row("web", &stats, false);
        let field = |key: &str| row.fields[key].as_str().unwrap().to_owned();
        assert_eq!(field("CPUPerc"), "40.00%");
        assert_eq!((field("MemUsage"), field("MemPerc")), ("2MiB / 10MiB".to_owned(), "20.00%".to_owned()));
        assert_eq!((field("NetIO"), field("BlockIO")), ("1.5kB / 2B".to_owned(), "4.1kB / 10B".to_owned()));
        assert_eq!((field("ID"), field("Name"), field("PIDs")), ("0123456789ab".to_owned(), "web".to_owned(), "3".to_owned()));
    }

    #[test]
    fn a_container_that_does_not_run_has_zeros() {
        let row = row("x", &json!({"name": "/x", "id": "0"}), true);
        assert_eq!((row.fields["CPUPerc"].as_str(), row.fields["MemUsage"].as_str()), (Some("0.00%"), Some("0B / 0B")));
    }
}
