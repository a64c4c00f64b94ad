//! `stead system prune`: known, and refused. Nothing that removes many kinds of things at once is allowed to meet a volume here.

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::FILTER_LONG;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove unused data (refused: one kind at a time)",
    long: "One command that removes containers, images and volumes together has cost people their data more than once, so this one\n\
           refuses and names the commands that remove one kind each.",
    flags: &[&[
        switch("all", Some('a'), "Remove all unused images not just dangling ones"),
        FILTER_LONG,
        switch("force", Some('f'), "Do not prompt for confirmation"),
        switch("volumes", None, "Prune anonymous volumes"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("Instead", "stead rm $(stead ps -aq -f status=exited); stead image prune; stead volume prune")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(_context: &Context, _matches: &Matches) -> Outcome {
    Err(Failure::error("system prune is not supported: it would remove containers, images and volumes in one step")
        .with_hint("stead image prune; stead volume prune; stead rm $(stead ps -aq -f status=exited)"))
}
