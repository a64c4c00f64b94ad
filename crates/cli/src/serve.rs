//! `stead serve`: Docker's Engine API for clients that do not know Stead.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stead_api::{Listener, Tls};
use stead_sys::lock::Lock;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, switch, text};
use crate::context::{Context, absolute, variable};
use crate::failure::Failure;

/// Who is in the socket's group may do everything, as with Docker's.
const SOCKET_MODE: u32 = 0o660;
/// The group that gets the socket, where the host has it.
const GROUP: &str = "stead";
/// How long a server that was killed a moment ago may take to be gone.
const PREDECESSOR_WAIT: Duration = Duration::from_secs(2);

/// Open files, as many as Docker's service has.
const DESCRIPTORS: u64 = 1 << 20;

pub(crate) static SERVE: Command = Command {
    name: "serve",
    usage: "[OPTIONS]",
    about: "Serve Docker's Engine API",
    long: "Docker's own clients then work with DOCKER_HOST=unix:///run/stead/stead.sock. It holds no state: containers go on when it ends, and what it did is seen by every other command.\n\
           Without -H it listens on the sockets that systemd passes, or else on stead.sock below --run-root. Who can open the socket is root on this machine; \
           over TCP only those are heard who have a certificate of the authority named by --tlscacert.",
    flags: &[&[
        list("host", Some('H'), "Socket to listen on (unix:///path, fd://, tcp://address:port with the --tls options)"),
        text("tlscacert", None, "Trust certificates signed only by this CA").offers(Completes::Files),
        text("tlscert", None, "Path to TLS certificate file").offers(Completes::Files),
        text("tlskey", None, "Path to TLS key file").offers(Completes::Files),
        switch("tlsverify", None, "Use TLS and verify the remote"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[
        ("The default socket", "stead serve"),
        ("A socket of its own for one client", "stead serve -H unix:///run/stead/stead.sock -H unix:///srv/ci/docker.sock"),
        (
            "Clients on other machines, each with a certificate",
            "stead serve -H tcp://0.0.0.0:2376 --tlsverify --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem",
        ),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// The listeners, and what keeps others from the same socket files.
#[derive(Debug, Default)]
struct Sockets {
    listeners: Vec<Listener>,
    own: Vec<(PathBuf, Lock)>,
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    // Before anything is opened that could get the number of a passed descriptor.
    let passed = stead_sys::activation::unix_listeners(variable("LISTEN_PID").as_deref(), variable("LISTEN_FDS").as_deref());
    let passed: Vec<Listener> = passed.map_err(Failure::error)?.into_iter().map(Listener::Unix).collect();
    let mut hosts: Vec<String> = matches.list("host").map(str::to_owned).collect();
    if hosts.is_empty() && passed.is_empty() {
        hosts.push(format!("unix://{}", context.run_root.join("stead.sock").display()));
    }
    // Each client needs a few; what a shell allows by itself is for one program with few files.
    stead_sys::rlimit::raise_open_files(DESCRIPTORS);
    stead_sys::memory::few_arenas();
    let engine = Arc::new(context.engine()?);
    let mut sockets = Sockets { listeners: passed, own: Vec::new() };
    for host in &hosts {
        sockets.add(host, matches)?;
    }
    let outcome = stead_api::serve(&engine, sockets.listeners, stead_sys::memory::give_back);
    for (path, lock) in sockets.own {
        // Still ours: the lock is let go of after it.
        drop(std::fs::remove_file(path));
        drop(lock);
    }
    outcome.map_err(Failure::error)?;
    Ok(0)
}

impl Sockets {
    fn add(&mut self, host: &str, matches: &Matches) -> Result<(), Failure> {
        let bad = |why: &str| Failure::error(format_args!("cannot listen on {host}: {why}"));
        match host.split_once("://") {
            Some(("unix", path)) if !path.is_empty() => self.unix(&absolute(Path::new(path))?),
            Some(("fd", _)) if self.listeners.is_empty() => Err(bad("systemd has passed no socket")),
            Some(("fd", _)) => Ok(()),
            Some(("tcp", address)) => {
                let tls = tls(matches).map_err(|why| bad(&why))?;
                let listener = TcpListener::bind(address).map_err(|error| bad(&error.to_string()))?;
                self.listeners.push(Listener::Tcp(listener, tls));
                Ok(())
            }
            _ => Err(bad("it must be unix:///path, fd:// or tcp://address:port")),
        }
    }

    /// Listens on a socket file. One that a dead server left is taken over; one that somebody listens on is not.
    fn unix(&mut self, path: &Path) -> Result<(), Failure> {
        let taken = || Failure::error(format_args!("cannot listen on {}: somebody else does already", path.display()));
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let until = Instant::now() + PREDECESSOR_WAIT;
        let lock = Lock::exclusive_within(Path::new(&lock), PREDECESSOR_WAIT).map_err(Failure::error)?.ok_or_else(taken)?;
        while UnixStream::connect(path).is_ok() {
            if Instant::now() >= until {
                return Err(taken());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let listener = stead_sys::socket::listen(path, SOCKET_MODE).map_err(Failure::error)?;
        if let Some(gid) = group(GROUP) {
            std::os::unix::fs::chown(path, None, Some(gid)).map_err(Failure::error)?;
        }
        self.listeners.push(Listener::Unix(listener));
        self.own.push((path.to_owned(), lock));
        Ok(())
    }
}

/// Without all of them a TCP port would give the machine to whoever finds it.
fn tls(matches: &Matches) -> Result<Tls, String> {
    let file = |flag: &str| matches.filled(flag).map(PathBuf::from);
    match (matches.on("tlsverify"), file("tlscacert"), file("tlscert"), file("tlskey")) {
        (true, Some(authority), Some(certificate), Some(key)) => {
            Tls::read(&authority, &certificate, &key).map_err(|error| error.to_string())
        }
        _ => Err("over TCP clients must prove who they are: --tlsverify, --tlscacert, --tlscert and --tlskey are needed".to_owned()),
    }
}

/// The number of a group of this host.
fn group(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/etc/group").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1).and_then(|gid| gid.parse().ok())).flatten()
    })
}
