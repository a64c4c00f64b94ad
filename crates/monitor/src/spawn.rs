//! The engine's side of a monitor's birth: one exec of ourselves, one socket, everything else is frames sent ahead.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::client::{Client, Error};
use crate::config::MonitorConfig;
use crate::protocol::{self, Kind};

/// Where a monitor holds the view of the binary that it was executed through.
pub(crate) const PROGRAM_FD: u8 = 3;
/// Where a monitor holds its container's network namespace, so that every life of the container is born into the same one.
pub const NETWORK_FD: u8 = 4;

/// The hidden role of the binary that ends in [`crate::serve::run`].
pub const ROLE: &str = "monitor";

/// Starts a monitor for a container and returns the connection to it, at once: the monitor's readiness (or its refusal: the container has one already,
/// the log cannot be opened) is the first answer read by [`Client::attached`] or [`Client::start`].
///
/// The order that loses nothing is `spawn`, `claim_cleanup`, `attach`, `start`. A monitor whose creator leaves before a `start` ends by itself.
///
/// # Errors
/// When the process cannot be made.
pub fn spawn(config: &MonitorConfig) -> Result<Client, Error> {
    spawn_with(config, None, None, None)
}

/// The same, for a container whose network namespace is there already: the monitor holds it as descriptor [`NETWORK_FD`].
///
/// `lock` is the descriptor of the lock that keeps other starts and removals away. The monitor shares it until the container is born or never will be:
/// a creator that is killed in between does not let anybody in on a birth that is under way.
///
/// `lease` is what keeps others from what the container mounts, and stays with the monitor until the container has ended for good.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(
    config: &MonitorConfig,
    network: Option<OwnedFd>,
    lock: Option<BorrowedFd<'_>>,
    lease: Option<BorrowedFd<'_>>,
) -> Result<Client, Error> {
    let config = &MonitorConfig { is_leased: lease.is_some(), ..config.clone() };
    let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|errno| stead_sys::Error::new("socketpair", "monitor", errno))?;
    let program = above(&stead_sys::process::self_exe_sealed()?)?;
    exec_monitor(&program, theirs, network, config)?;
    let mut client = Client::over(&config.id, ours);
    let along: Vec<BorrowedFd<'_>> = lock.into_iter().chain(lease).collect();
    client.send_all_with(&protocol::json(Kind::Config, config), &along)?;
    client.owe(Kind::Done);
    Ok(client)
}

/// The same file under a number that is none of those the monitor gets, so that moving one does not close another.
fn above(fd: &OwnedFd) -> Result<OwnedFd, Error> {
    let copy = rustix::io::fcntl_dupfd_cloexec(fd, i32::from(NETWORK_FD) + 1);
    Ok(copy.map_err(|errno| stead_sys::Error::new("dup", "monitor", errno))?)
}

/// The descriptor is named through `/proc/self/fd`, so the monitor's `/proc/PID/exe`, and with it that of everything it clones, lies on a detached
/// read-only mount: a container that reaches it cannot write our binary (CVE-2019-5736).
fn exec_monitor(program: &OwnedFd, socket: OwnedFd, network: Option<OwnedFd>, config: &MonitorConfig) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "nothing is inherited but the socket")]
    let mut command = std::process::Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    // The monitor keeps the view of our binary open. The kernel waits milliseconds when the last one lets go of it, and here a person waits.
    let mut kept = vec![(above(program)?, i32::from(PROGRAM_FD))];
    if let Some(network) = network {
        kept.push((above(&network)?, i32::from(NETWORK_FD)));
    }
    stead_sys::process::inherit(&mut command, kept);
    // Containers of `serve`, which holds many files open, are as those of the command line.
    stead_sys::rlimit::lower_again(&mut command);
    let mut child = command
        .arg0("stead")
        .arg(ROLE)
        // Only for people who look at the processes of the machine; the configuration comes through the socket.
        .arg(&config.id)
        .arg(&config.root)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| stead_sys::Error::new("exec", "monitor", source))?;
    // A short-lived caller leaves the monitor to pid 1; a long-lived one (`serve`) must not collect zombies.
    // It takes no signal: one that the caller holds back for its container would otherwise be delivered here and end the caller.
    let wait = move || {
        stead_sys::signal::block_all();
        drop(child.wait());
    };
    let reaper = std::thread::Builder::new().name("monitor-reaper".into()).stack_size(64 << 10).spawn(wait);
    drop(reaper);
    Ok(())
}
