//! `stead run`: create, attach, start, follow, clean up.

use stead_engine::Engine;
use stead_engine::container::remove::RemoveOptions;
use stead_monitor::protocol::Attach;

use super::foreground::{self, End, Follow, Session};
use super::options::{self, table};
use super::{create, foreground::monitor};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static RUN: Command = Command {
    name: "run",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create and run a new container from an image",
    long: "Options stop at IMAGE; what follows is the command. The image is pulled where it is not here.\n\
           Without -d the container's output is shown and its exit status becomes this command's: 125 when Stead itself fails,\n\
           126 when the command cannot be executed, 127 when it does not exist, otherwise the container's own.\n\
           Data: -v NAME:PATH keeps it in a volume, which a new volume fills from the image; -v /DIR:PATH shares a directory of\n\
           the host and creates it where it is missing; --mount type=bind refuses one that is missing; --tmpfs PATH keeps it in memory\n\
           until the container stops.",
    also: &["stead container run", "stead run"],
    flags: &[&table::STORAGE, &table::PROCESS, &table::RECORD, &table::RESOURCES, &table::NETWORK, &table::FOREIGN, &table::RUN_ONLY],
    arity: Arity::AtLeast(1),
    interspersed: false,
    completes: Completes::Images,
    examples: &[
        ("A database whose data stays in the volume \"data\"", "stead run -d --name cache -v data:/data redis"),
        (
            "A directory of the host, read-only",
            "stead run --rm --mount type=bind,source=\"$(pwd)\"/site,target=/usr/share/nginx/html,readonly nginx",
        ),
        (
            "Scratch space in memory that never reaches a disk",
            "stead run --rm --mount type=tmpfs,target=/secrets,tmpfs-size=16m,tmpfs-noswap redis",
        ),
        (
            "A directory of somebody else, without changing its files",
            "stead run -d --name db -u postgres -v ~/pgdata:/var/lib/postgresql/data:idmap postgres",
        ),
        ("A shell", "stead run --rm -it debian bash"),
        ("Part of a volume", "stead run --rm --mount source=data,target=/app,volume-subpath=app/current debian ls /app"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let detach = matches.on("detach");
    if detach && matches.given("attach") {
        return Err(Failure::plain(1, "conflicting options: cannot specify both --attach and --detach"));
    }
    let keys = foreground::keys(matches)?;
    let mut asked = options::resolve(matches)?;
    if detach {
        let config = &mut asked.config;
        (config.attach_stdin, config.attach_stdout, config.attach_stderr, config.stdin_once) = (false, false, false, false);
    } else {
        foreground::check_tty(asked.config.attach_stdin && asked.config.tty)?;
    }
    let config = &asked.config;
    let streams = Attach {
        stdin: config.attach_stdin && config.open_stdin,
        stdout: config.attach_stdout,
        stderr: config.attach_stderr,
        patient: true,
    };
    let follow = Follow { streams, tty: config.tty, sig_proxy: matches.on_by_default("sig-proxy"), keys };
    let remove = asked.host.auto_remove;
    let engine = context.engine().map_err(Failure::engine_run)?;
    let created = create::create(&engine, asked)?;
    if detach {
        let started = engine.container_start(&created.id);
        return started.map_err(|failure| give_up(&engine, &created.id, remove, failure)).and_then(|()| {
            output::line(&created.id)?;
            Ok(0)
        });
    }
    attached(&engine, &created.id, follow).map_err(|problem| match problem {
        Problem::Start(failure) => give_up(&engine, &created.id, remove, failure),
        Problem::Ours(failure) => failure,
    })
}

/// A container that could not be started is kept for a look, unless it was to be removed at its end anyway.
fn give_up(engine: &Engine, id: &str, remove: bool, failure: stead_engine::Failure) -> Failure {
    let shown = Failure::engine_run(failure);
    if !remove {
        return shown;
    }
    match engine.container_remove(id, RemoveOptions { force: true, volumes: true, now: false }) {
        // The monitor's own clean-up may have been faster.
        Err(also) if also.kind != stead_base::Kind::NotFound => {
            shown.with_hint(format!("the container stays, because removing it failed: {also}"))
        }
        _ => shown,
    }
}

/// Whose failure it is.
pub(super) enum Problem {
    /// The container could not be started.
    Start(stead_engine::Failure),
    /// Something else, said already.
    Ours(Failure),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

/// Attaches before the start, so that not a byte is missed, then follows to the end and cleans up.
pub(super) fn attached(engine: &Engine, id: &str, follow: Follow) -> Result<u8, Problem> {
    let (mut client, held) = engine.container_prepare(id).map_err(Problem::Start)?;
    client.claim_cleanup().map_err(monitor)?;
    let streams = follow.streams;
    client.attach(streams).map_err(monitor)?;
    let session = Session::begin(follow)?;
    engine.container_launch(&mut client, held).map_err(Problem::Start)?;
    let end = session.run(&mut client)?;
    if matches!(end, End::Exited(_)) {
        // The end is on disk. What fails here is done again by the next command, so it does not change the container's status.
        if let Err(failure) = engine.container_reap_attached(id) {
            output::warn(&format!("WARNING: {failure}"));
        }
        client.cleanup_done();
        crate::roles::sweep_later(engine);
    }
    Ok(foreground::status(&end)?)
}
