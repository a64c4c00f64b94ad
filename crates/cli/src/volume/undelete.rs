//! `stead volume undelete`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::output;

pub(super) static UNDELETE: Command = Command {
    name: "undelete",
    usage: "VOLUME|ID [NEW_NAME]",
    about: "Bring back a removed volume",
    long: "With its content, its snapshots, its labels and its options, in an instant. Of several removed volumes with one name the latest comes\n\
           back; 'stead volume trash ls' shows the ids of all. Where the name belongs to another volume by now, give it a NEW_NAME.",
    arity: Arity::Between(1, 2),
    completes: Completes::Trashed,
    examples: &[
        ("After a 'docker compose down -v' too many", "stead volume undelete shop_pgdata"),
        ("Beside the volume that has the name now", "stead volume undelete data data-old"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let word = matches.args.first().map_or("", String::as_str);
    let back = context.engine()?.volume_undelete(word, matches.args.get(1).map(String::as_str))?;
    if !back.others.is_empty() {
        let ids: Vec<&str> = back.others.iter().map(|other| other.id.as_str()).collect();
        output::warn(&format!("This is the latest of that name; still in the trash: {}", ids.join(", ")));
    }
    output::line(&back.volume.name)?;
    Ok(0)
}
