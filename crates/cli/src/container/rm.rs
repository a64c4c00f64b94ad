//! `stead rm`.

use stead_base::Kind;
use stead_engine::container::remove::RemoveOptions;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

/// What both ways to call it share.
pub(crate) const BASE: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Remove one or more containers",
    long: "A running container is refused unless --force kills it first. Volumes stay: --volumes removes those that have no name of\n\
           their own and that no other container uses; for a while they can be had back with 'stead volume undelete'.",
    also: &["stead container rm", "stead container remove", "stead rm"],
    flags: &[&[
        switch("force", Some('f'), "Force the removal of a running container (uses SIGKILL)"),
        switch("link", Some('l'), "Remove the specified link").hidden(),
        switch("now", None, "With --volumes: give their space back at once; they cannot be had back"),
        switch("volumes", Some('v'), "Remove anonymous volumes associated with the container"),
    ]],
    arity: Arity::AtLeast(1),
    completes: Completes::Containers,
    examples: &[("Remove a container with everything it alone used", "stead rm -f -v web")],
    act: Act::Run(run),
    ..Command::NEW
};

/// `stead container rm`.
pub(crate) static RM: Command = BASE;

fn run(context: &Context, matches: &Matches) -> Outcome {
    if matches.on("link") {
        return Err(Failure::error("option \"--link\" is not supported: there are no links between containers"));
    }
    let options = RemoveOptions { force: matches.on("force"), volumes: matches.on("volumes"), now: matches.on("now") };
    let engine = context.engine()?;
    let outcome = each(&matches.args, |name| {
        match engine.container_remove(name, options) {
            // Docker's -f makes a container that is not there no failure, but still says so.
            Err(gone) if options.force && gone.kind == Kind::NotFound => output::warn(&Failure::from(gone).render()),
            removed => {
                removed?;
                output::line(name)?;
            }
        }
        Ok(())
    });
    crate::roles::sweep_later(&engine);
    outcome
}
