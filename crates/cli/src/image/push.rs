//! `stead push`.

use stead_engine::image::access::Auth;
use stead_image::{Progress, Silent};

use super::progress::{Shown, To};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static PUSH: Command = Command {
    name: "push",
    usage: "[OPTIONS] NAME[:TAG]",
    about: "Upload an image to a registry",
    long: "Credentials are those of `stead login`. A layer the registry has already is not sent again.",
    also: &["stead image push", "stead push"],
    flags: &[&[
        switch("all-tags", Some('a'), "Push all tags of an image to the repository"),
        switch("disable-content-trust", None, "Skip image signing").or("true").hidden(),
        text("platform", None, "Push a platform-specific manifest").hidden(),
        switch("quiet", Some('q'), "Suppress verbose output"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Images,
    examples: &[("To a registry of one's own", "stead tag redis registry.example:5000/redis; stead push registry.example:5000/redis")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("platform") {
        return Err(Failure::error(format_args!("option \"--platform {value}\" is not supported: one platform of an image is kept")));
    }
    let (reference, all, quiet) = (&matches.args[0], matches.on("all-tags"), matches.on("quiet"));
    let parsed = stead_image::Reference::parse(reference).map_err(|e| Failure::plain(1, e.to_string()))?;
    if all && parsed.tag().is_some() {
        return Err(Failure::plain(1, "tag can't be used with --all-tags/-a"));
    }
    let shown;
    let progress: &dyn Progress = if quiet {
        &Silent
    } else {
        shown = Shown::new(To::Output);
        if !all && parsed.tag().is_none() && parsed.digest().is_none() {
            shown.line("Using default tag: latest");
        }
        &shown
    };
    context.engine()?.image_push(reference, all, &Auth::Configured, progress)?;
    if quiet {
        output::line(&if all { parsed.familiar_name() } else { parsed.or_latest().canonical() })?;
    }
    Ok(0)
}
