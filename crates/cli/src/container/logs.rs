//! `stead logs`.

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;

pub(crate) static LOGS: Command = Command {
    name: "logs",
    usage: "[OPTIONS] CONTAINER",
    about: "Fetch the logs of a container",
    long: "What the container wrote to its standard output goes to standard output, the rest to standard error.",
    also: &["stead container logs", "stead logs"],
    flags: &[&[
        switch("details", None, "Show extra details provided to logs"),
        switch("follow", Some('f'), "Follow log output"),
        text("since", None, "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
        text("tail", Some('n'), "Number of lines to show from the end of the logs").or("\"all\""),
        switch("timestamps", Some('t'), "Show timestamps"),
        text("until", None, "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Containers,
    examples: &[
        ("The last ten lines, and what comes", "stead logs -f --tail 10 web"),
        ("The last hour, with times", "stead logs -t --since 1h web"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(_context: &Context, _matches: &Matches) -> Outcome {
    Ok(0)
}
