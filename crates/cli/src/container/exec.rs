//! `stead exec`: one more process in a running container.

mod pump;

use stead_engine::container::exec::ExecRequest;
use stead_monitor::client::ExecStreams;

use super::foreground::{check_tty, keys};
use super::options::files::environment;
use super::options::values::check_env;
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, switch, text, value};
use crate::context::Context;
use crate::failure::Failure;
use crate::{output, terminal};

pub(crate) static EXEC: Command = Command {
    name: "exec",
    usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    about: "Execute a command in a running container",
    long: "The command gets the container's mounts, environment and limits. Its exit status becomes this command's: 126 when it cannot be\n\
           executed, 127 when it does not exist.",
    also: &["stead container exec", "stead exec"],
    flags: &[&[
        switch("detach", Some('d'), "Detached mode: run command in the background"),
        text("detach-keys", None, "Override the key sequence for detaching a container"),
        value("env", Some('e'), "list", check_env, "Set environment variables"),
        list("env-file", None, "Read in a file of environment variables").offers(Completes::Files),
        switch("interactive", Some('i'), "Keep STDIN open even if not attached"),
        switch("privileged", None, "Give extended privileges to the command"),
        switch("tty", Some('t'), "Allocate a pseudo-TTY"),
        text("user", Some('u'), "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
        text("workdir", Some('w'), "Working directory inside the container"),
    ]],
    arity: Arity::AtLeast(2),
    interspersed: false,
    completes: Completes::Running,
    examples: &[
        ("A shell", "stead exec -it web sh"),
        ("Save what Redis holds", "stead exec cache redis-cli save"),
        ("Feed a file", "stead exec -i db psql < dump.sql"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let keys = keys(matches)?;
    let detach = matches.on("detach");
    let (stdin, tty) = (matches.on("interactive") && !detach, matches.on("tty"));
    if !detach {
        check_tty(stdin && tty)?;
    }
    let text = |name: &str| matches.text(name).unwrap_or_default().to_owned();
    let request = ExecRequest {
        cmd: matches.args[1..].to_vec(),
        env: environment(matches.list("env-file"), matches.list("env")).map_err(Failure::error)?,
        user: text("user"),
        workdir: text("workdir"),
        tty,
        console_size: if tty { terminal::size() } else { None },
        stdin,
        detach,
        privileged: matches.on("privileged"),
    };
    let engine = context.engine()?;
    let (mut client, exec) = engine.container_exec(&matches.args[0], request)?;
    let (started, streams) = client.exec(&exec).map_err(refused)?;
    for warning in &started.warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    match streams {
        ExecStreams::None => Ok(0),
        streams => pump::follow(&mut client, streams, keys),
    }
}

/// What the runtime says about a program that does not start, with Docker's 126 and 127.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err takes")]
fn refused(error: stead_monitor::Error) -> Failure {
    let code = error.exit_code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1);
    Failure::error(&error).with_code(code)
}
