//! `stead attach`.

use stead_base::Kind;
use stead_monitor::protocol::Attach;

use super::foreground::{self, Follow, Session, monitor};
use super::start::streams;
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;

pub(crate) static ATTACH: Command = Command {
    name: "attach",
    usage: "[OPTIONS] CONTAINER",
    about: "Attach local standard input, output, and error streams to a running container",
    long: "What the container writes from now on is shown. ctrl-p ctrl-q (or --detach-keys) leaves a container with a terminal running;\n\
           when the container ends, its exit status becomes this command's.",
    also: &["stead container attach", "stead attach"],
    flags: &[&[
        text("detach-keys", None, "Override the key sequence for detaching a container"),
        switch("no-stdin", None, "Do not attach STDIN"),
        switch("sig-proxy", None, "Proxy all received signals to the process").or("true"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Running,
    examples: &[("Watch without typing", "stead attach --no-stdin --sig-proxy=false web")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let id = engine.container_resolve(&matches.args[0])?;
    let (tty, open_stdin) = streams(&engine, &id)?;
    let stdin = open_stdin && !matches.on("no-stdin");
    foreground::check_tty(stdin && tty)?;
    let stopped = |failure: stead_engine::Failure| match failure.kind {
        Kind::NotRunning => Failure::plain(1, "You cannot attach to a stopped container, start it first"),
        _ => failure.into(),
    };
    let mut client = engine.container_client(&id).map_err(stopped)?;
    let streams = Attach { stdin, stdout: true, stderr: true, patient: true };
    client.attach(streams).map_err(monitor)?;
    client.attached().map_err(monitor)?;
    let follow = Follow { streams, tty, sig_proxy: matches.on_by_default("sig-proxy"), keys: foreground::keys(matches)? };
    let end = Session::begin(follow)?.run(&mut client)?;
    foreground::status(&end)
}
