//! `stead network prune`.

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove all unused networks",
    long: "Networks that somebody made and that no container refers to, running or not. Filters: label=KEY[=VALUE], label!=KEY[=VALUE],\n\
           until=TIMESTAMP.",
    flags: &[&[FILTER_LONG, switch("force", Some('f'), "Do not prompt for confirmation")]],
    arity: Arity::Exactly(0),
    examples: &[("Without asking", "stead network prune -f")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let filters = listing::filters(matches)?;
    if !matches.on("force") {
        output::line("WARNING! This will remove all custom networks not used by at least one container.")?;
        if !output::confirm("Are you sure you want to continue?")? {
            return Err(Failure::plain(1, "network prune has been cancelled"));
        }
    }
    let deleted = context.engine()?.network_prune(&filters)?;
    if !deleted.is_empty() {
        output::line(&format!("Deleted Networks:\n{}\n", deleted.join("\n")))?;
    }
    Ok(0)
}
