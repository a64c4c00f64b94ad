//! `stead serve`: Docker's Engine API for clients that do not know Stead.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stead_api::Listener;

use crate::command::{Act, Arity, Command, Matches, Outcome, list};
use crate::context::{Context, absolute};
use crate::failure::Failure;

/// Who is in the socket's group may do everything, as with Docker's.
const SOCKET_MODE: u32 = 0o660;
/// The group that gets the socket, where the host has it.
const GROUP: &str = "stead";

pub(crate) static SERVE: Command = Command {
    name: "serve",
    usage: "[OPTIONS]",
    about: "Serve Docker's Engine API",
    long: "Docker's own clients then work with DOCKER_HOST=unix:///run/stead/stead.sock. It holds no state: containers go on when it ends, and what it did is seen by every other command.\n\
           Without -H it listens on stead.sock below --run-root. Who can open the socket is root on this machine.",
    flags: &[&[list("host", Some('H'), "Socket to listen on (unix:///path)")]],
    arity: Arity::Exactly(0),
    examples: &[
        ("The default socket", "stead serve"),
        ("A socket of its own for one client", "stead serve -H unix:///run/stead/stead.sock -H unix:///srv/ci/docker.sock"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = Arc::new(context.engine()?);
    let listeners = listeners(context, matches)?;
    stead_api::serve(&engine, listeners).map_err(Failure::error)?;
    Ok(0)
}

fn listeners(context: &Context, matches: &Matches) -> Result<Vec<Listener>, Failure> {
    let hosts: Vec<&str> = matches.list("host").collect();
    if hosts.is_empty() {
        return Ok(vec![unix(&context.run_root.join("stead.sock"))?]);
    }
    hosts.iter().map(|host| unix(&path(host)?)).collect()
}

/// The path of `unix:///path`.
fn path(host: &str) -> Result<PathBuf, Failure> {
    match host.strip_prefix("unix://") {
        Some(path) if !path.is_empty() => absolute(Path::new(path)),
        _ => Err(Failure::error(format_args!("cannot listen on {host}: only unix:///path is possible"))),
    }
}

/// Listens on a socket file. One that a dead server left is taken over; one that somebody listens on is not.
fn unix(path: &Path) -> Result<Listener, Failure> {
    if UnixStream::connect(path).is_ok() {
        return Err(Failure::error(format_args!("cannot listen on {}: somebody else does already", path.display())));
    }
    let listener = stead_sys::socket::listen(path, SOCKET_MODE).map_err(Failure::error)?;
    if let Some(gid) = group(GROUP) {
        std::os::unix::fs::chown(path, None, Some(gid)).map_err(Failure::error)?;
    }
    Ok(Listener::Unix(listener))
}

/// The number of a group of this host.
fn group(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/etc/group").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1).and_then(|gid| gid.parse().ok())).flatten()
    })
}
