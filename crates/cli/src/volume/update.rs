//! `stead volume update`: labels. Docker's is for cluster volumes only, and what it would do there is refused as it is refused there.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, text, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

use super::schedule::{self, KEEP_FLAG, SCHEDULE_FLAG};

pub(super) static UPDATE: Command = Command {
    name: "update",
    usage: "[OPTIONS] [VOLUME]",
    about: "Change the labels of a volume, or who may use it at the same time",
    long: "Containers that use it do not notice. --label-rm comes before --label where both name a key. There are no cluster volumes without\n\
           swarm, so --availability always refuses. --access holds from the next start of a container on; who runs stays.",
    flags: &[&[
        text("availability", None, "Cluster Volume availability (\"active\", \"pause\", \"drain\")").or("\"active\""),
        value("access", None, "mode", check_access, "Who may use it at the same time (shared, single-writer, exclusive or read-only)")
            .offers(Completes::Words(&["shared", "single-writer", "exclusive", "read-only"])),
        KEEP_FLAG,
        value("label", None, "list", check_label, "Set a label, or change its value"),
        list("label-rm", None, "Take the label with this key away"),
        SCHEDULE_FLAG,
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    examples: &[
        ("One label comes, one goes", "stead volume update --label tier=gold --label-rm draft data"),
        ("Snapshots every night, ten of them kept", "stead volume update --schedule '30 2 * * *' --keep 10 data"),
        ("No more of them", "stead volume update --schedule '' data"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let mut labels: std::collections::BTreeMap<String, String> = matches.list("label").map(stead_base::label::split).collect();
    let access = access(matches);
    let mut gone: Vec<String> = matches.list("label-rm").map(str::to_owned).collect();
    gone.extend(schedule::labels(matches, &mut labels));
    if matches.text("availability").is_some() || (labels.is_empty() && gone.is_empty() && access.is_none()) {
        return Err(Failure::error("volume update only valid for cluster volumes, but swarm is unavailable")
            .with_hint("--access says who may use a volume at the same time, --label and --label-rm change the labels of a volume"));
    }
    let name = matches.args.first().map_or("", String::as_str);
    context.engine()?.volume_update(name, labels, gone, access)?;
    output::line(name)?;
    Ok(0)
}

/// Refuses a word that says nothing about sharing.
pub(super) fn check_access(word: &str) -> Result<(), String> {
    match stead_mount::Access::from_word(word) {
        Some(_) => Ok(()),
        None => Err(format!("{word}: it is shared, single-writer, exclusive or read-only")),
    }
}

/// `--access`.
pub(super) fn access(matches: &Matches) -> Option<stead_mount::Access> {
    matches.text("access").and_then(stead_mount::Access::from_word)
}
