//! `stead container prune`: shows what would go and how much it is, asks, then removes.

use stead_base::{ids, size};
use stead_engine::container::prune::Candidate;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::table;
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove all stopped containers",
    long: "Their volumes stay, the anonymous ones too. Before it asks, it lists what would go and how much that is.\n\
           Filters: until=TIME (created before it), label=KEY[=VALUE], label!=KEY[=VALUE].",
    flags: &[&[FILTER_LONG, switch("force", Some('f'), "Do not prompt for confirmation")]],
    arity: Arity::Exactly(0),
    examples: &[("What is older than a day, without asking", "stead container prune -f --filter until=24h")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let filters = listing::filters(matches)?;
    let engine = context.engine()?;
    if !matches.on("force") {
        output::line("WARNING! This will remove all stopped containers.")?;
        let plan = engine.container_prune_plan(&filters)?;
        output::text(&if plan.is_empty() { "There are none.\n".to_owned() } else { shown(&plan) })?;
        if !output::confirm("Are you sure you want to continue?")? {
            return Err(Failure::plain(1, "container prune has been cancelled"));
        }
    }
    let pruned = engine.container_prune(&filters)?;
    crate::roles::sweep_later(&engine);
    if !pruned.deleted.is_empty() {
        output::line(&format!("Deleted Containers:\n{}\n", pruned.deleted.join("\n")))?;
    }
    output::line(&format!("Total reclaimed space: {}", size::human(pruned.reclaimed)))?;
    Ok(0)
}

/// The plan as people read it.
pub(crate) fn shown(plan: &[Candidate]) -> String {
    let line = |c: &Candidate| format!("  {}\t{}\t{}\n", ids::short(&c.id), c.name, size::human(c.size));
    table::align(&plan.iter().map(line).collect::<String>())
}
