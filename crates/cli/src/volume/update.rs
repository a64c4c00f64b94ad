//! `stead volume update`: labels. Docker's is for cluster volumes only, and what it would do there is refused as it is refused there.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, text, value};
use crate::container::options::values::check_label;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static UPDATE: Command = Command {
    name: "update",
    usage: "[OPTIONS] [VOLUME]",
    about: "Change the labels of a volume",
    long: "Containers that use it do not notice. --label-rm comes before --label where both name a key. There are no cluster volumes without\n\
           swarm, so --availability always refuses.",
    flags: &[&[
        text("availability", None, "Cluster Volume availability (\"active\", \"pause\", \"drain\")").or("\"active\""),
        value("label", None, "list", check_label, "Set a label, or change its value"),
        list("label-rm", None, "Take the label with this key away"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    examples: &[("One label comes, one goes", "stead volume update --label tier=gold --label-rm draft data")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let labels: std::collections::BTreeMap<String, String> = matches.list("label").map(stead_base::label::split).collect();
    let gone: Vec<String> = matches.list("label-rm").map(str::to_owned).collect();
    if matches.text("availability").is_some() || (labels.is_empty() && gone.is_empty()) {
        return Err(Failure::error("volume update only valid for cluster volumes, but swarm is unavailable")
            .with_hint("--label and --label-rm change the labels of a volume"));
    }
    let name = matches.args.first().map_or("", String::as_str);
    context.engine()?.volume_update(name, labels, gone)?;
    output::line(name)?;
    Ok(0)
}
