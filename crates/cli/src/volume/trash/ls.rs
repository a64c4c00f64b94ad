//! `stead volume trash ls`.

use stead_base::time::{Time, human_duration};
use stead_base::{ids, size};
use stead_engine::volume::trash::TrashedView;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::format::rows::{self, Layout, Row, Wish};
use crate::listing::{self, FORMAT_LIST};
use crate::output;

pub(super) static LS: Command = Command {
    name: "ls",
    aliases: &["list"],
    usage: "[OPTIONS]",
    about: "List removed volumes",
    long: "The latest first.",
    also: &["stead volume trash ls", "stead volume trash list"],
    flags: &[&[FORMAT_LIST, switch("no-trunc", None, "Don't truncate output"), switch("quiet", Some('q'), "Only display ids")]],
    arity: Arity::Exactly(0),
    examples: &[("Names and until when they stay", "stead volume trash ls --format '{{.Name}}: {{.KeepUntil}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[
        ("ID", "ID"),
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Labels", "LABELS"),
        ("Size", "SIZE"),
        ("Removed", "REMOVED"),
        ("RemovedAt", "REMOVED AT"),
        ("RemovedBy", "REMOVED BY"),
        ("Left", "LEFT"),
        ("KeepUntil", "KEPT UNTIL"),
        ("Mountpoint", "MOUNTPOINT"),
    ],
    table: "{{.ID}}\\t{{.Name}}\\t{{.Size}}\\t{{.Removed}}\\t{{.RemovedBy}}\\t{{.Left}}",
    raw: "id: {{.ID}}\\nname: {{.Name}}\\nremoved_at: {{.RemovedAt}}\\nkeep_until: {{.KeepUntil}}\\nsize: {{.Size}}\\n",
    quiet: "{{.ID}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    // Whoever names fields wants what is in them.
    let whole = matches.on("no-trunc") || matches.filled("format").is_some_and(|format| format != "table");
    let rows: Vec<Row> = context.engine()?.volume_trash_list()?.into_iter().map(|one| row(one, whole)).collect();
    let wish = Wish { format: matches.text("format"), quiet: matches.on("quiet") };
    output::text(&rows::render(&LAYOUT, wish, &rows)?)?;
    Ok(0)
}

fn row(one: TrashedView, whole: bool) -> Row {
    let now = Time::now();
    let left = Time::parse(&one.keep_until).map_or(0, |until| until.since(now));
    let fields = vec![
        ("ID", if whole { one.id } else { ids::short(&one.id).to_owned() }),
        ("Name", if whole { one.name } else { rows::ellipsis(&one.name, 40) }),
        ("Driver", one.driver),
        ("Labels", listing::labels(&one.labels)),
        ("Size", u64::try_from(one.size).map_or_else(|_unknown| "N/A".to_owned(), size::human)),
        ("Removed", Time::parse(&one.removed_at).map_or_else(String::new, listing::ago)),
        ("RemovedAt", one.removed_at),
        ("RemovedBy", one.removed_by),
        ("Left", if left > 0 { human_duration(left) } else { "none".to_owned() }),
        ("KeepUntil", one.keep_until),
        ("Mountpoint", one.mountpoint),
    ];
    Row::new(fields, one.labels)
}
