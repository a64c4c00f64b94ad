//! Sockets that systemd opened for us and passes as descriptors from 3 on.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, sockopt};

use crate::{Error, Result};

/// The first descriptor that is passed.
const FIRST: RawFd = 3;
/// More than anybody passes.
const COUNT_MAX: RawFd = 64;

/// Takes the listening unix sockets that `LISTEN_PID` and `LISTEN_FDS` announce to this process. None where they announce nothing or
/// speak to another process.
///
/// To be called once, before the process opens anything that must not be taken for one of them.
///
/// # Errors
/// What is announced is no listening unix socket.
pub fn unix_listeners(listen_pid: Option<&str>, listen_fds: Option<&str>) -> Result<Vec<UnixListener>> {
    let ours = listen_pid.and_then(|pid| pid.parse::<u32>().ok()) == Some(std::process::id());
    let Some(count) = listen_fds.and_then(|count| count.parse::<RawFd>().ok()).filter(|_| ours) else { return Ok(Vec::new()) };
    if !(0..=COUNT_MAX).contains(&count) {
        return Err(Error::new("LISTEN_FDS", count.to_string(), Errno::INVAL));
    }
    (FIRST..FIRST + count).map(take).collect()
}

#[expect(unsafe_code, reason = "a number from the environment becomes a descriptor")]
fn take(number: RawFd) -> Result<UnixListener> {
    let failed = |op, errno: Errno| Error::new(op, format!("descriptor {number}"), errno);
    // SAFETY: systemd's protocol hands this descriptor over to us, nobody else in this process knows its number, and it is taken once. Where
    // the announcement lies and it is not open, the next call says so before anything is done with it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    let flags = match rustix::io::fcntl_getfd(&fd) {
        Ok(flags) => flags,
        Err(errno) => {
            // Not open: it must not be closed either.
            std::mem::forget(fd);
            return Err(failed("take", errno));
        }
    };
    rustix::io::fcntl_setfd(&fd, flags | FdFlags::CLOEXEC).map_err(|errno| failed("fcntl", errno))?;
    let listens = sockopt::socket_acceptconn(&fd).map_err(|errno| failed("getsockopt", errno))?;
    let family = rustix::net::getsockname(&fd).map_err(|errno| failed("getsockname", errno))?.address_family();
    if !listens || family != AddressFamily::UNIX {
        return Err(failed("listen", Errno::NOTSOCK));
    }
    Ok(UnixListener::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_others_is_not_taken() {
        assert!(unix_listeners(None, None).unwrap().is_empty());
        assert!(unix_listeners(Some("1"), Some("1")).unwrap().is_empty());
        assert!(unix_listeners(Some("x"), Some("1")).unwrap().is_empty());
        let own = std::process::id().to_string();
        assert!(unix_listeners(Some(&own), None).unwrap().is_empty());
        assert!(unix_listeners(Some(&own), Some("-1")).is_err());
        assert!(unix_listeners(Some(&own), Some("65")).is_err());
    }
}
