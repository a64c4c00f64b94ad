//! `stead volume update`: Docker's is for cluster volumes only, so this one always refuses.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::Failure;

pub(super) static UPDATE: Command = Command {
    name: "update",
    usage: "[OPTIONS] [VOLUME]",
    about: "Update a volume (cluster volumes only)",
    long: "There are no cluster volumes without swarm, so this always refuses. Labels and options of a volume are given at create.",
    flags: &[&[text("availability", None, "Cluster Volume availability (\"active\", \"pause\", \"drain\")").or("\"active\"")]],
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    act: Act::Run(run),
    ..Command::NEW
};

fn run(_context: &Context, _matches: &Matches) -> Outcome {
    Err(Failure::error("volume update only valid for cluster volumes, but swarm is unavailable"))
}
