//! `stead rmi`.

use stead_image::Removed;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

const BASE: Command = Command {
    name: "rm",
    aliases: &["remove"],
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Remove one or more images",
    long: "A name is taken away; the image itself goes with its last name. Layers go when no image and no container needs them.",
    also: &["stead image rm", "stead image remove", "stead rmi"],
    flags: &[&[
        switch("force", Some('f'), "Force removal of the image"),
        switch("no-prune", None, "Do not delete untagged parents"),
        text("platform", None, "Remove only the given platform variant").hidden(),
    ]],
    arity: Arity::AtLeast(1),
    completes: Completes::Images,
    examples: &[("Remove two images", "stead rmi redis:7 nginx:1.24")],
    act: Act::Run(run),
    ..Command::NEW
};

/// `stead image rm`.
pub(crate) static RM: Command = BASE;
/// `stead rmi`.
pub(crate) static RMI: Command = Command { name: "rmi", aliases: &[], ..BASE };

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("platform") {
        return Err(Failure::error(format_args!("option \"--platform {value}\" is not supported: one platform of an image is kept")));
    }
    let engine = context.engine()?;
    let force = matches.on("force");
    each(&matches.args, |name| match engine.image_remove(name, force, matches.on("no-prune")) {
        Ok(removed) => Ok(show(&removed)?),
        // Docker's -f makes an image that is not there no failure, but still says so.
        Err(gone) if force && gone.kind == stead_base::Kind::NotFound => {
            output::warn(&Failure::from(gone).render());
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    })
}

/// `Untagged: …` and `Deleted: …`, a line each.
pub(crate) fn show(removed: &[Removed]) -> std::io::Result<()> {
    for one in removed {
        output::line(&match one {
            Removed::Untagged(name) => format!("Untagged: {name}"),
            Removed::Deleted(id) => format!("Deleted: {id}"),
        })?;
    }
    Ok(())
}
