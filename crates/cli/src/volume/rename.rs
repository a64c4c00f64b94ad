//! `stead volume rename`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::output;

pub(super) static RENAME: Command = Command {
    name: "rename",
    usage: "VOLUME NEW_NAME",
    about: "Rename a volume",
    long: "Nothing is copied. Stopped containers that use the volume start with it under its new name afterwards; while one of them runs\n\
           it is refused. An anonymous volume that is given a name is not anonymous any more: neither prune nor rm -v take it.",
    arity: Arity::Exactly(2),
    completes: Completes::Volumes,
    examples: &[("Give what turned out to be worth keeping a name", "stead volume rename 3f2a91… pgdata")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let [old, new] = matches.args.as_slice() else { return Ok(1) };
    let volume = context.engine()?.volume_rename(old, new)?;
    output::line(&volume.name)?;
    Ok(0)
}
