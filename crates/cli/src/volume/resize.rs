//! `stead volume resize`.

use stead_base::size;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static RESIZE: Command = Command {
    name: "resize",
    usage: "VOLUME SIZE",
    about: "Give a volume another size while it is used",
    long: "A quota changes at once, in both directions, but not below what the volume holds; 'none' lifts it. A file system of its own (an image)\n\
           grows while containers use it and never shrinks. 'stead volume inspect' says which it is.",
    arity: Arity::Exactly(2),
    completes: Completes::Volumes,
    examples: &[("Up to 20 GiB", "stead volume resize pgdata 20g")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let [name, text] = matches.args.as_slice() else { return Ok(1) };
    let bytes = match text.as_str() {
        "none" => None,
        text => {
            let bytes = size::parse_ram(text).map_err(Failure::error)?;
            Some(u64::try_from(bytes).map_err(Failure::error)?)
        }
    };
    context.engine()?.volume_resize(name, bytes)?;
    output::line(name)?;
    Ok(0)
}
