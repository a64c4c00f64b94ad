//! `stead start`.

use serde_json::Value;
use stead_engine::Engine;
use stead_monitor::protocol::Attach;

use super::foreground::{self, Follow};
use super::run::{Problem, attached};
use crate::command::{Act, Arity, Command, Completes, Matches, Misuse, Outcome, switch, text};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::listing::{self, FILTER_LONG};
use crate::output;

pub(crate) static START: Command = Command {
    name: "start",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Start one or more stopped containers",
    long: "With --attach or --interactive one container is followed as `stead run` does it, and its exit status becomes this command's.\n\
           With --all every container that does not run is started, or those that --filter lets through (the filters of `stead ps`).\n\
           With --filter restart-policy=... it does what Docker's daemon does when the machine comes up: containers that were never\n\
           started stay as they are, and so do those of unless-stopped that somebody stopped.",
    also: &["stead container start", "stead start"],
    flags: &[&[
        switch("all", None, "Start every container that does not run"),
        switch("attach", Some('a'), "Attach STDOUT/STDERR and forward signals"),
        text("checkpoint", None, "Restore from this checkpoint").hidden(),
        text("checkpoint-dir", None, "Use a custom checkpoint storage directory").hidden(),
        text("detach-keys", None, "Override the key sequence for detaching a container"),
        FILTER_LONG,
        switch("interactive", Some('i'), "Attach container's STDIN"),
        switch("sig-proxy", None, "Proxy received signals to the process").hidden(),
    ]],
    arity: Arity::Any,
    completes: Completes::Containers,
    examples: &[
        ("Start and follow", "stead start -ai job"),
        ("Bring back what shall always run, on a system without systemd", "stead start --all --filter restart-policy=always"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("checkpoint").or_else(|| matches.filled("checkpoint-dir")) {
        return Err(Failure::error(format_args!("option \"--checkpoint {value}\" is not supported: containers are not checkpointed")));
    }
    let streams = matches.on("attach") || matches.on("interactive");
    if matches.on("all") {
        if streams || !matches.args.is_empty() {
            return Err(Failure::plain(1, "conflicting options: --all takes neither names nor --attach or --interactive"));
        }
        return all(&context.engine()?, matches);
    }
    if matches.given("filter") {
        return Err(Failure::plain(1, "--filter needs --all"));
    }
    if matches.args.is_empty() {
        let few = Misuse::Arguments(format!("'{}' requires at least 1 argument", matches.path), "See");
        return Err(Failure::misuse(&matches.path, START.usage, &few));
    }
    let engine = context.engine()?;
    if streams {
        let [name] = matches.args.as_slice() else {
            return Err(Failure::plain(1, "you cannot start and attach multiple containers at once"));
        };
        return follow(&engine, matches, name);
    }
    let mut failed = Vec::new();
    let outcome = each(&matches.args, |name| {
        engine.container_start(name).inspect_err(|_failure| failed.push(name.to_owned()))?;
        Ok(output::line(name)?)
    });
    outcome.map_err(|failures| match failed.as_slice() {
        [] => failures,
        names => Failure::plain(1, format!("{}\nfailed to start containers: {}", failures.render(), names.join(", "))),
    })
}

/// Names go to standard output as they are started, failures to standard error.
fn all(engine: &Engine, matches: &Matches) -> Outcome {
    let mut failures = Vec::new();
    for started in engine.container_start_all(&listing::filters(matches)?)? {
        match started.outcome {
            Ok(()) => output::line(&started.name)?,
            Err(failure) => failures.push(format!("{}: {}", started.name, Failure::from(failure).render())),
        }
    }
    if failures.is_empty() { Ok(0) } else { Err(Failure::plain(1, failures.join("\n"))) }
}

fn follow(engine: &Engine, matches: &Matches, name: &str) -> Outcome {
    let id = engine.container_resolve(name)?;
    let (tty, open_stdin) = streams(engine, &id)?;
    let stdin = matches.on("interactive") && open_stdin;
    foreground::check_tty(stdin && tty)?;
    let follow = Follow {
        streams: Attach { stdin, stdout: true, stderr: true, patient: true },
        tty,
        sig_proxy: matches.on_by_default("sig-proxy"),
        keys: foreground::keys(matches)?,
    };
    attached(engine, &id, follow).map_err(|problem| match problem {
        Problem::Start(failure) => {
            let code = failure.exit_code.and_then(|c| u8::try_from(c).ok()).unwrap_or(1);
            Failure::from(failure).with_code(code)
        }
        Problem::Ours(failure) => failure,
    })
}

/// Whether a container has a terminal, and whether its standard input is open.
pub(super) fn streams(engine: &Engine, id: &str) -> Result<(bool, bool), Failure> {
    let view = engine.container_inspect(id, false)?;
    let flag = |key: &str| view.get("Config").and_then(|c| c.get(key)).and_then(Value::as_bool).unwrap_or(false);
    Ok((flag("Tty"), flag("OpenStdin")))
}
