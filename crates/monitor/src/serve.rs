//! The monitor itself: what [`crate::spawn()`] executes. Single thread, one `poll` loop, no wait but that.

mod checks;
mod connection;
mod donors;
mod events;
mod life;
mod requests;
mod sessions;
mod still;
mod streams;
mod turn;

use std::fs::OpenOptions;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType};
use stead_base::Kind as Failure;
use stead_base::layout::RunRoot;
use stead_runtime::Plan;
use stead_sys::lock::Lock;
use stead_sys::{process, signal};

use crate::config::{LogDriver, MonitorConfig};
use crate::log::rotate::Writer;
use crate::protocol::{self, Failed, Kind};
use connection::Connection;
use turn::Server;

/// How long the lock of a monitor that is about to leave is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The monitor shall be among the last the kernel kills for memory; containers have a score of their own.
const OOM_SCORE: &str = "-900";
/// Signals that are read from a descriptor instead of being delivered.
const SIGNALS: [i32; 7] = [1, 2, 3, 10, 12, 15, 17];

/// The role `stead monitor`: standard input is the socket of [`crate::spawn()`]. Returns the exit code; normally the process becomes the clean-up
/// command instead.
#[must_use]
pub fn run() -> i32 {
    match begin() {
        Ok(server) => server.run(),
        Err(()) => 1,
    }
}

/// Everything before the first turn. A failure has been told to the creator.
fn begin() -> Result<Server, ()> {
    // The view of our binary and the network namespace stay, and nothing else that came along.
    crate::tolerate(process::close_on_exec_from(u32::from(crate::spawn::PROGRAM_FD)));
    crate::tolerate(process::close_from(u32::from(crate::spawn::NETWORK_FD) + 1));
    let creator = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).map_err(drop)?;
    let (config, mut along) = receive_config(&creator).ok_or(())?;
    let lease = if config.is_leased { along.pop() } else { None };
    let birth_lock = along.pop();
    let mut first = Connection::new(creator);
    settle_process(&config);
    match open_shop(&config) {
        Ok((lock, listener, log, signals, ports)) => {
            Ok(Server::new(config, Shop { lock, birth_lock, lease, listener, log, signals, ports, oom_floor: shield_from_oom() }, first))
        }
        Err(failed) => {
            first.send_json(Kind::Failed, &failed);
            Err(())
        }
    }
}

/// What a monitor holds open.
pub(super) struct Shop {
    lock: Lock,
    /// Shared with the creator: keeps starts and removals away.
    birth_lock: Option<OwnedFd>,
    /// Keeps others from what the container mounts, as far as it asks for that.
    lease: Option<OwnedFd>,
    listener: OwnedFd,
    log: Option<Writer>,
    signals: OwnedFd,
    /// Published ports, kept from everybody else.
    ports: Vec<OwnedFd>,
    /// The adjustment the monitor was born with, where it may not be lowered.
    oom_floor: Option<i32>,
}

type Opened = (Lock, OwnedFd, Option<Writer>, OwnedFd, Vec<OwnedFd>);

fn open_shop(config: &MonitorConfig) -> Result<Opened, Failed> {
    let internal = |error: stead_sys::Error| Failed::new(Failure::Internal, error.to_string());
    let (run_root, id) = (config.run_root(), &config.id);
    let lock = Lock::exclusive_within(&run_root.monitor_lock(id), LOCK_WAIT)
        .map_err(internal)?
        .ok_or_else(|| Failed::new(Failure::Conflict, format!("container {id} is already running")))?;
    let log = match config.log.driver {
        LogDriver::None => None,
        LogDriver::JsonFile => Some(
            Writer::open(&config.root().log(id), &config.log)
                .map_err(|error| Failed::new(error.kind(), format!("failed to initialize logging driver: {error}")))?,
        ),
    };
    let ports = crate::hold::hold(&config.ports).map_err(|refusal| Failed::new(Failure::Internal, refusal))?;
    signal::block(&SIGNALS);
    let signals = signal::descriptor(&SIGNALS).map_err(internal)?;
    let listener = listen(&run_root, id).map_err(internal)?;
    Ok((lock, listener, log, signals, ports))
}

fn listen(run_root: &RunRoot, id: &str) -> stead_sys::Result<OwnedFd> {
    let path = run_root.monitor_socket(id);
    let failed = |op, errno: rustix::io::Errno| stead_sys::Error::new(op, &path, errno);
    match rustix::fs::unlink(&path) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(failed("unlink", errno)),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(|errno| failed("socket", errno))?;
    // The umask makes it 0600 from its first moment.
    crate::address::with_short_path(&path, |short| rustix::net::bind(&listener, &SocketAddrUnix::new(short)?))
        .map_err(|errno| failed("bind", errno))?;
    rustix::net::listen(&listener, 128).map_err(|errno| failed("listen", errno))?;
    Ok(listener)
}

/// Blocks for the creator's first frame, and not a byte further. The lock of the birth and the leases may come with it, in this order.
fn receive_config(socket: &OwnedFd) -> Option<(MonitorConfig, Vec<OwnedFd>)> {
    let mut header = [0; protocol::HEADER];
    let along = receive_exact(socket, &mut header)?;
    let (Kind::Config, length) = protocol::parse_header(header)? else { return None };
    let mut payload = vec![0; length];
    receive_exact(socket, &mut payload)?;
    Some((serde_json::from_slice(&payload).ok()?, along))
}

/// Fills the buffer; the descriptors that came along are the answer.
fn receive_exact(socket: &OwnedFd, mut buffer: &mut [u8]) -> Option<Vec<OwnedFd>> {
    let mut came = Vec::new();
    while !buffer.is_empty() {
        let mut space = [MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) if message.bytes > 0 => buffer = &mut buffer[message.bytes..],
            Err(rustix::io::Errno::INTR) => continue,
            _ => return None,
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                came.extend(descriptors);
            }
        }
    }
    Some(came)
}

/// Own session, nobody's terminal, parent of orphans, remarks in `monitor.log`. None of these may stop a container from running.
fn settle_process(config: &MonitorConfig) {
    crate::tolerate(process::setsid());
    crate::tolerate(process::become_subreaper());
    process::set_name(c"stead-monitor");
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    crate::tolerate(rustix::process::chdir("/"));
    if let Ok(null) = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()) {
        crate::tolerate(rustix::stdio::dup2_stdin(&null));
        crate::tolerate(rustix::stdio::dup2_stdout(&null));
    }
    let remarks = config.run_root().container(&config.id).join("monitor.log");
    if let Ok(file) = OpenOptions::new().append(true).create(true).open(remarks) {
        crate::tolerate(rustix::stdio::dup2_stderr(&file));
    }
}

/// Shields the monitor, and returns the score it has where that is not permitted.
fn shield_from_oom() -> Option<i32> {
    const FILE: &str = "/proc/self/oom_score_adj";
    let shield = OpenOptions::new().write(true).open(FILE).and_then(|mut file| file.write_all(OOM_SCORE.as_bytes()));
    if shield.is_ok() {
        return None;
    }
    let mut text = String::new();
    OpenOptions::new().read(true).open(FILE).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

/// The plan the engine wrote.
pub(crate) fn read_plan(run_root: &RunRoot, id: &str) -> Option<Plan> {
    serde_json::from_slice(&std::fs::read(run_root.plan(id)).ok()?).ok()
}

/// One line into `monitor.log`: what nobody can be told any more.
pub(crate) fn remark(text: &str) {
    crate::tolerate(writeln!(std::io::stderr(), "{} {text}", stead_base::time::Time::now().rfc3339()));
}
