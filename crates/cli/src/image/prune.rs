//! `stead image prune`.

use stead_base::size;

use super::rm::show;
use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove unused images",
    long: "Images without a name that no container uses; with --all also those with a name.",
    flags: &[&[
        switch("all", Some('a'), "Remove all unused images, not just dangling ones"),
        FILTER_LONG,
        switch("force", Some('f'), "Do not prompt for confirmation"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("Without asking", "stead image prune -f")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let filters = listing::filters(matches)?;
    let all = matches.on("all");
    let engine = context.engine()?;
    if !matches.on("force") {
        let what = if all { "all images without at least one container associated to them" } else { "all dangling images" };
        if !output::confirm(&format!("WARNING! This will remove {what}.\nAre you sure you want to continue?"))? {
            return Err(Failure::plain(1, "image prune has been cancelled"));
        }
    }
    let (removed, reclaimed) = engine.image_prune(&filters, all)?;
    if !removed.is_empty() {
        output::line("Deleted Images:")?;
        show(&removed)?;
        output::line("")?;
    }
    output::line(&format!("Total reclaimed space: {}", size::human(reclaimed)))?;
    Ok(0)
}
