//! `stead logs`.

use std::io;

use stead_monitor::log::{self, LogQuery, Stream};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing::moment;

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

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let source = engine.container_logs(&matches.args[0])?;
    let follow = if matches.on("follow") && source.running { engine.container_client(&source.id).ok() } else { None };
    let query = LogQuery {
        tail: tail(matches.filled("tail")),
        since: moment(matches, "since")?,
        until: moment(matches, "until")?,
        follow,
        ..LogQuery::default()
    };
    let reader = log::read(&source.dir, &source.id, query).map_err(Failure::error)?;
    let (stamps, details) = (matches.on("timestamps"), matches.on("details"));
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    for entry in reader {
        let entry = entry.map_err(Failure::error)?;
        let mut line = Vec::with_capacity(entry.text.len() + 40);
        if stamps {
            line.extend_from_slice(entry.stamp().as_bytes());
            line.push(b' ');
        }
        if details {
            let words: Vec<String> = entry.attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
            line.extend_from_slice(words.join(",").as_bytes());
            line.push(b' ');
        }
        line.extend_from_slice(entry.text.as_bytes());
        let target: &mut dyn io::Write = if entry.stream == Stream::Stderr { &mut err } else { &mut out };
        target.write_all(&line).and_then(|()| target.flush())?;
    }
    Ok(0)
}

/// `--tail`: a number, or everything for `all` and whatever else Docker takes for it.
fn tail(text: Option<&str>) -> Option<usize> {
    text.and_then(|t| t.parse::<usize>().ok())
}
