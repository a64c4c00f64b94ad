//! `stead volume prune`: shows what would go and how much it is, asks, then removes.

use stead_base::size;
use stead_engine::volume::VolumePrune;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::table;
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove unused local volumes",
    long: "Only anonymous volumes that no container refers to go, unless --all is given; volumes with driver options never do.\n\
           They can be had back with 'stead volume undelete' for a while, and only then is their space free; --now frees it at once.\n\
           A volume that is protected stays. Before it asks, it lists what would go and how much that is. Filters: label=KEY[=VALUE], label!=KEY[=VALUE], all=1.",
    flags: &[&[
        switch("all", Some('a'), "Remove all unused volumes, not just anonymous ones"),
        FILTER_LONG,
        switch("force", Some('f'), "Do not prompt for confirmation"),
        switch("now", None, "Give the space back at once; the volumes cannot be had back"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("Everything unused that is labelled for it, without asking", "stead volume prune -a -f --filter label=scratch")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let filters = listing::filters(matches)?;
    let all = matches.on("all");
    if all && filters.has("all") {
        return Err(Failure::plain(1, "conflicting options: cannot specify both --all and --filter all=1"));
    }
    let engine = context.engine()?;
    if !matches.on("force") {
        let plan = engine.volume_prune_plan(&filters, all)?;
        let what = if all { "all local volumes" } else { "anonymous local volumes" };
        output::line(&format!("WARNING! This will remove {what} not used by at least one container."))?;
        let lines: String = plan.iter().map(|c| format!("  {}\t{}\n", c.name, size::human(c.size))).collect();
        if plan.is_empty() {
            output::line("There are none.")?;
        } else {
            let total = plan.iter().map(|c| c.size).sum();
            output::text(&table::align(&lines))?;
            output::line(&format!("{} in {} {}.", size::human(total), plan.len(), if plan.len() == 1 { "volume" } else { "volumes" }))?;
        }
        if !output::confirm("Are you sure you want to continue?")? {
            return Err(Failure::plain(1, "volume prune has been cancelled"));
        }
    }
    let pruned = engine.volume_prune(&filters, VolumePrune { all, now: matches.on("now") })?;
    crate::roles::sweep_later(&engine);
    if !pruned.deleted.is_empty() {
        output::line(&format!("Deleted Volumes:\n{}\n", pruned.deleted.join("\n")))?;
        if pruned.kept > 0 {
            output::warn(&in_trash(pruned.kept));
        }
    }
    output::line(&format!("Total reclaimed space: {}", size::human(pruned.reclaimed)))?;
    Ok(0)
}

/// A word about what was removed and still takes its space.
pub(crate) fn in_trash(count: usize) -> String {
    let (what, them) = if count == 1 { ("1 volume is", "it") } else { (&*format!("{count} volumes are"), "them") };
    format!("{what} in the trash for now: 'stead volume undelete' brings {them} back, 'stead volume trash empty' frees the space")
}
