//! `stead volume trash empty`: shows what would go and how much it is, asks, then gives it back.

use stead_base::{ids, size, time};
use stead_engine::volume::trash::{Emptied, EmptyTrash};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, value};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::table;
use crate::{output, roles};

pub(super) static EMPTY: Command = Command {
    name: "empty",
    usage: "[OPTIONS] [VOLUME|ID...]",
    about: "Give back the space of removed volumes",
    long: "All of them, or those that are named: they cannot be had back afterwards. A name means every removed volume that had it. Their files are\n\
           deleted in the background. Before it asks, it lists what would go and how much that is.",
    flags: &[&[
        switch("force", Some('f'), "Do not prompt for confirmation"),
        value("older-than", None, "duration", check_age, "Only what was removed so long ago (e.g. 12h, 3d)"),
    ]],
    arity: Arity::Any,
    completes: Completes::Trashed,
    examples: &[("What has been there for three days", "stead volume trash empty --older-than 3d")],
    act: Act::Run(run),
    ..Command::NEW
};

fn check_age(text: &str) -> Result<(), String> {
    time::parse_age(text).map(drop).ok_or_else(|| format!("{text:?} is no duration such as 12h, 3d or 2w"))
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    let what = EmptyTrash { words: matches.args.clone(), older_than_nanos: matches.filled("older-than").and_then(time::parse_age) };
    let engine = context.engine()?;
    if !matches.on("force") {
        let plan = engine.volume_trash_empty_plan(&what)?;
        output::text(&shown(&plan))?;
        if !output::confirm("Are you sure you want to continue?")? {
            return Err(Failure::plain(1, "volume trash empty has been cancelled"));
        }
    }
    let emptied = engine.volume_trash_empty(&what)?;
    roles::sweep_later(&engine);
    if !emptied.deleted.is_empty() {
        let ids: Vec<&str> = emptied.deleted.iter().map(|(id, _)| id.as_str()).collect();
        output::line(&format!("Deleted Volumes:\n{}\n", ids.join("\n")))?;
    }
    output::line(&format!("Total reclaimed space: {}", size::human(emptied.reclaimed)))?;
    Ok(0)
}

fn shown(plan: &Emptied) -> String {
    let lines: String = plan.deleted.iter().map(|(id, name)| format!("  {}\t{name}\n", ids::short(id))).collect();
    let count = plan.deleted.len();
    let volumes = if count == 1 { "volume" } else { "volumes" };
    let title = "WARNING! This will delete removed volumes for good.\n";
    if count == 0 {
        return format!("{title}There are none.\n");
    }
    format!("{title}{}{} in {count} {volumes}.\n", table::align(&lines), size::human(plan.reclaimed))
}
