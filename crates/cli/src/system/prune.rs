//! `stead system prune`: shows what would go, asks, then removes. Never a volume that somebody named.

use serde_json::Value;
use stead_base::{ids, size};
use stead_engine::system::prune::{SystemPlan, SystemPrune};

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::container;
use crate::context::Context;
use crate::failure::Failure;
use crate::format::table;
use crate::image;
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(super) static PRUNE: Command = Command {
    name: "prune",
    usage: "[OPTIONS]",
    about: "Remove unused data",
    long: "Containers that do not run, networks that no container uses and images without a name go; with --all every image that no container\n\
           uses, with --volumes also anonymous volumes, which can be had back for a while (see 'stead volume trash'). A volume that has a name of its own is never removed by this command.\n\
           Before it asks, it lists what would go. Filters: until=TIME (not with --volumes), label=KEY[=VALUE], label!=KEY[=VALUE].",
    flags: &[&[
        switch("all", Some('a'), "Remove all unused images not just dangling ones"),
        FILTER_LONG,
        switch("force", Some('f'), "Do not prompt for confirmation"),
        switch("now", None, "With --volumes: give their space back at once; they cannot be had back"),
        switch("volumes", None, "Prune anonymous volumes"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("What is older than a week, without asking", "stead system prune -f --filter until=168h")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let prune = SystemPrune {
        all_images: matches.on("all"),
        volumes: matches.on("volumes"),
        filters: listing::filters(matches)?,
        now: matches.on("now"),
    };
    if prune.volumes && prune.filters.has("until") {
        return Err(Failure::plain(1, "ERROR: The \"until\" filter is not supported with \"--volumes\""));
    }
    let engine = context.engine()?;
    if !matches.on("force") {
        output::text(&warning(&prune))?;
        output::text(&shown(&engine.system_prune_plan(&prune)?))?;
        if !output::confirm("Are you sure you want to continue?")? {
            return Err(Failure::plain(1, "system prune has been cancelled"));
        }
    }
    let pruned = engine.system_prune(&prune)?;
    crate::roles::sweep_later(&engine);
    if pruned.kept > 0 {
        output::warn(&crate::volume::prune::in_trash(pruned.kept));
    }
    for (title, names) in
        [("Deleted Containers:", &pruned.containers), ("Deleted Networks:", &pruned.networks), ("Deleted Volumes:", &pruned.volumes)]
    {
        if !names.is_empty() {
            output::line(&format!("{title}\n{}\n", names.join("\n")))?;
        }
    }
    if !pruned.images.is_empty() {
        output::line("Deleted Images:")?;
        image::rm::show(&pruned.images)?;
        output::line("")?;
    }
    output::line(&format!("Total reclaimed space: {}", size::human(pruned.reclaimed)))?;
    Ok(0)
}

/// Docker's list of kinds.
fn warning(prune: &SystemPrune) -> String {
    let mut kinds = vec!["all stopped containers", "all networks not used by at least one container"];
    if prune.volumes {
        kinds.push("all anonymous volumes not used by at least one container");
    }
    kinds.push(if prune.all_images { "all images without at least one container associated to them" } else { "all dangling images" });
    let mut text = "WARNING! This will remove:\n".to_owned();
    kinds.iter().for_each(|kind| text.push_str(&format!("  - {kind}\n")));
    let mut filters = Vec::new();
    for key in ["label", "label!", "until"] {
        filters.extend(prune.filters.get(key).iter().map(|value| format!("  - {key}={value}\n")));
    }
    if !filters.is_empty() {
        text.push_str(&format!("\n  Items to be pruned will be filtered with:\n{}", filters.concat()));
    }
    text.push('\n');
    text
}

/// What there is of each.
fn shown(plan: &SystemPlan) -> String {
    let mut text = String::new();
    if !plan.containers.is_empty() {
        text.push_str(&format!("Containers:\n{}", container::prune::shown(&plan.containers)));
    }
    if !plan.networks.is_empty() {
        text.push_str(&format!("Networks:\n  {}\n", plan.networks.join("\n  ")));
    }
    if !plan.volumes.is_empty() {
        let lines: String = plan.volumes.iter().map(|v| format!("  {}\t{}\n", v.name, size::human(v.size))).collect();
        text.push_str(&format!("Volumes:\n{}", table::align(&lines)));
    }
    if !plan.images.is_empty() {
        let line = |image: &Value| {
            let name = image.pointer("/RepoTags/0").and_then(Value::as_str).unwrap_or("<none>");
            let id = image.get("Id").and_then(Value::as_str).unwrap_or_default();
            let bytes = image.get("Size").and_then(Value::as_u64).unwrap_or(0);
            format!("  {}\t{name}\t{}\n", ids::short(id), size::human(bytes))
        };
        text.push_str(&format!("Images:\n{}", table::align(&plan.images.iter().map(line).collect::<String>())));
    }
    if text.is_empty() { "There is nothing to remove.\n".to_owned() } else { text }
}
