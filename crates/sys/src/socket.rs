//! Unix sockets that carry descriptors and tell who is there. Always named in the file system, never abstract (CVE-2020-15257).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketFlags, SocketType,
};

use crate::{Error, Result};

/// How many descriptors one message may carry.
pub const DESCRIPTORS_MAX: usize = 8;

/// Who is at the other end of a socket, as the kernel recorded it when the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Process id.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// One received message.
#[derive(Debug, Default)]
pub struct Message {
    /// Bytes written into the buffer; 0 means the other end is closed.
    pub bytes: usize,
    /// Descriptors that came along, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Listens on a new socket file with the given permissions. A socket file left by a dead listener is replaced.
pub fn listen(path: &Path, mode: u32) -> Result<UnixListener> {
    match rustix::fs::unlink(path) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(Error::new("unlink", path, errno)),
    }
    let listener = UnixListener::bind(path).map_err(|error| Error::new("bind", path, error))?;
    // The directory of the socket is the engine's own and closed to others, so nobody can connect in between.
    rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())
        .map_err(|errno| Error::new("chmod", path, errno))?;
    Ok(listener)
}

/// Connects to a socket file.
pub fn connect(path: &Path) -> Result<UnixStream> {
    UnixStream::connect(path).map_err(|error| Error::new("connect", path, error))
}

/// Two connected ends that keep message boundaries (SOCK_SEQPACKET), close-on-exec.
pub fn packet_pair() -> Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| Error::new("socketpair", "unix", errno))
}

/// Sends bytes and descriptors in one message; returns how many bytes went.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Error::new("sendmsg", "too many descriptors", Errno::TOOMANYREFS));
    }
    loop {
        match rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            other => return other.map_err(|errno| Error::new("sendmsg", "unix socket", errno)),
        }
    }
}

/// Receives bytes and descriptors; zero bytes mean that the other end is closed. A message cut short by the kernel is an error.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Message> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other.map_err(|errno| Error::new("recvmsg", "unix socket", errno))?,
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if got.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC) {
        return Err(Error::new("recvmsg", "message cut short", Errno::MSGSIZE));
    }
    Ok(Message { bytes: got.bytes, descriptors })
}

/// Who made the connection.
pub fn peer(socket: BorrowedFd<'_>) -> Result<Peer> {
    let credentials =
        rustix::net::sockopt::socket_peercred(socket).map_err(|errno| Error::new("getsockopt(SO_PEERCRED)", "socket", errno))?;
    Ok(Peer { pid: credentials.pid.as_raw_nonzero().get(), uid: credentials.uid.as_raw(), gid: credentials.gid.as_raw() })
}

/// Whether the descriptor is readable (or at its end) now.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut waiting = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut waiting, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// How much of what was sent the other end has not read yet; `None` where the kernel does not say. On a unix socket it counts the kernel's memory
/// for it, so only zero is exact.
#[must_use]
#[expect(unsafe_code, reason = "rustix does not wrap SIOCOUTQ")]
pub fn unread(socket: BorrowedFd<'_>) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which is TIOCOUTQ's number, writes one int, to `bytes`, which lives until the call returns.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if outcome < 0 { None } else { usize::try_from(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn descriptors_travel_with_their_message() {
        let (a, b) = packet_pair().unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        send(a.as_fd(), b"take", &[writer.as_fd()]).unwrap();
        drop(writer);
        let mut buffer = [0; 16];
        let mut message = receive(b.as_fd(), &mut buffer).unwrap();
        assert_eq!((&buffer[..message.bytes], message.descriptors.len()), (&b"take"[..], 1));
        let mut there = std::fs::File::from(message.descriptors.remove(0));
        there.write_all(b"through").unwrap();
        drop(there);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        drop(a);
        assert_eq!(receive(b.as_fd(), &mut buffer).unwrap().bytes, 0);
    }

    #[test]
    fn a_message_that_does_not_fit_is_an_error() {
        let (a, b) = packet_pair().unwrap();
        send(a.as_fd(), b"longer than that", &[]).unwrap();
        assert!(receive(b.as_fd(), &mut [0; 4]).is_err());
    }

    #[test]
    fn listeners_replace_dead_ones_and_know_their_peer() {
        let path = std::path::PathBuf::from(format!("/var/tmp/stead-socket-{}", std::process::id()));
        drop(listen(&path, 0o600).unwrap());
        let listener = listen(&path, 0o600).unwrap();
        assert_eq!(rustix::fs::stat(&path).unwrap().st_mode & 0o777, 0o600);
        let client = connect(&path).unwrap();
        let (server, _) = listener.accept().unwrap();
        let who = peer(server.as_fd()).unwrap();
        assert_eq!(u32::try_from(who.pid).unwrap(), std::process::id());
        assert!(!is_readable(server.as_fd()));
        drop(client);
        assert!(is_readable(server.as_fd()));
        rustix::fs::unlink(&path).unwrap();
    }

    #[test]
    fn what_the_other_end_has_not_read_is_seen() {
        use std::io::{Read as _, Write as _};
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(unread(ours.as_fd()), Some(0));
        ours.write_all(b"hello").unwrap();
        assert_ne!(unread(ours.as_fd()), Some(0));
        theirs.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(unread(ours.as_fd()), Some(0));
    }
}
