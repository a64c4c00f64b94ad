//! `stead stop`.

use crate::command::parse::{check_int, parse_int};
use crate::command::{Act, Arity, Command, Completes, Flag, Matches, Outcome, text, value};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

/// How a container is asked to end: shared with `restart`.
pub(super) const ENDING: [Flag; 3] = [
    text("signal", Some('s'), "Signal to send to the container"),
    value("timeout", Some('t'), "int", check_int, "Seconds to wait before killing the container (-1 waits for ever)"),
    value("time", None, "int", check_int, "Seconds to wait before killing the container").hidden(),
];

pub(crate) static STOP: Command = Command {
    name: "stop",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Stop one or more running containers",
    long: "The container's stop signal (SIGTERM unless the image or --stop-signal says otherwise) is sent; what still runs after the\n\
           timeout (10 seconds unless --stop-timeout says otherwise) is killed. No restart policy brings it back.",
    also: &["stead container stop", "stead stop"],
    flags: &[&ENDING],
    arity: Arity::AtLeast(1),
    completes: Completes::Running,
    examples: &[("Give a database a minute", "stead stop -t 60 db")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let timeout = timeout(matches)?;
    let engine = context.engine()?;
    each(&matches.args, |name| {
        engine.container_stop(name, matches.filled("signal"), timeout)?;
        Ok(output::line(name)?)
    })
}

/// `--timeout`, or its old name `--time`.
pub(super) fn timeout(matches: &Matches) -> Result<Option<i64>, Failure> {
    if matches.given("time") && matches.given("timeout") {
        return Err(Failure::plain(1, "conflicting options: cannot specify both --timeout and --time"));
    }
    let text = matches.text("timeout").or_else(|| matches.text("time"));
    text.map(parse_int).transpose().map_err(Failure::error)
}
