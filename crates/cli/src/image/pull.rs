//! `stead pull`.

use stead_engine::Engine;
use stead_engine::image::pull::PullRequest;
use stead_image::Silent;

use super::progress::{Shown, To};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static PULL: Command = Command {
    name: "pull",
    usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
    about: "Download an image from a registry",
    long: "Credentials come from Docker's config.json ($DOCKER_CONFIG or ~/.docker), mirrors and plain-HTTP registries from\n\
           /etc/stead/registries.json or --registry-config. Every blob is verified against its digest.",
    also: &["stead image pull", "stead pull"],
    flags: &[&[
        switch("all-tags", Some('a'), "Download all tagged images in the repository"),
        switch("disable-content-trust", None, "Skip image verification").or("true").hidden(),
        text("platform", None, "Set platform if server is multi-platform capable"),
        switch("quiet", Some('q'), "Suppress verbose output"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Images,
    examples: &[("One digest, whatever a tag says", "stead pull redis@sha256:0123...")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let reference = &matches.args[0];
    if matches.on("all-tags") {
        return all_tags(context, matches);
    }
    fetch(&context.engine()?, reference, matches.filled("platform"), if matches.on("quiet") { To::Nowhere } else { To::Output })?;
    let named = stead_image::Reference::parse(reference).map_or_else(|_odd| reference.clone(), |r| r.or_latest().canonical());
    output::line(&named)?;
    Ok(0)
}

fn all_tags(context: &Context, matches: &Matches) -> Outcome {
    let reference = &matches.args[0];
    let request = PullRequest { platform: matches.filled("platform").map(str::to_owned), all_tags: true, ..PullRequest::default() };
    let engine = context.engine()?;
    if matches.on("quiet") {
        engine.image_pull_as(reference, &request, &Silent)?;
    } else {
        engine.image_pull_as(reference, &request, &Shown::new(To::Output))?;
    }
    output::line(&stead_image::Reference::parse(reference).map_or_else(|_odd| reference.clone(), |r| r.name()))?;
    Ok(0)
}

/// Pulls for `pull`, `run` and `create`, and shows how it goes.
///
/// # Errors
/// The engine's.
pub(crate) fn fetch(engine: &Engine, reference: &str, platform: Option<&str>, to: To) -> Result<(), Failure> {
    if to == To::Nowhere {
        engine.image_pull(reference, platform, &Silent)?;
        return Ok(());
    }
    let shown = Shown::new(to);
    if stead_image::Reference::parse(reference).is_ok_and(|r| r.tag().is_none() && r.digest().is_none()) {
        shown.line("Using default tag: latest");
    }
    engine.image_pull(reference, platform, &shown)?;
    Ok(())
}
