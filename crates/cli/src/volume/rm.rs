//! `stead volume rm`.

use stead_engine::volume::VolumeRemove;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::each;
use crate::{output, roles};

pub(super) static RM: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    long: "A volume is in use while any container refers to it, running or not, and --force does not change that: it only makes a\n\
           volume that does not exist no error. The volume is gone when the command returns, and for a week (trash.keep-named in\n\
           'stead system config') it can be had back with 'stead volume undelete'. --now deletes it for good, in the background.\n\
           A volume that is protected ('stead volume protect') is not removed, whatever the flags.",
    also: &["stead volume rm", "stead volume remove"],
    flags: &[&[
        switch("force", Some('f'), "Force the removal of one or more volumes"),
        switch("now", None, "Give the space back at once; the volume cannot be had back"),
    ]],
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[("Remove two volumes", "stead volume rm data cache"), ("Have one back", "stead volume undelete data")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let how = VolumeRemove { force: matches.on("force"), now: matches.on("now") };
    let outcome = each(&matches.args, |name| {
        engine.volume_remove(name, how)?;
        Ok(output::line(name)?)
    });
    roles::sweep_later(&engine);
    outcome
}
