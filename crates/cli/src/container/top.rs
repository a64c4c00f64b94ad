//! `stead top`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::format::table;
use crate::output;

pub(crate) static TOP: Command = Command {
    name: "top",
    usage: "CONTAINER [ps OPTIONS]",
    about: "Display the running processes of a container",
    long: "The host's view: ids and users are the host's. The options are those of ps that choose columns: -ef (the default), aux, -l, -j,\n\
           -o pid,user,args. Nothing is executed in the container.",
    also: &["stead container top", "stead top"],
    arity: Arity::AtLeast(1),
    interspersed: false,
    completes: Completes::Running,
    examples: &[("Only ids and command lines", "stead top web -o pid,args")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let processes = context.engine()?.container_top(&matches.args[0], &matches.args[1..].join(" "))?;
    let mut text = processes.titles.join("\t");
    text.push('\n');
    for row in processes.processes {
        text.push_str(&row.join("\t").replace('\n', " "));
        text.push('\n');
    }
    output::text(&table::align_wide(&text))?;
    Ok(0)
}
