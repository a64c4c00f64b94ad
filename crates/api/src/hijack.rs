//! Connections that stop being HTTP, and the sight of a client that has left.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Who asked. Cheap to clone; keeps the connection's descriptor, not the connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer(pub(crate) Arc<OwnedFd>);

impl Peer {
    /// Whether the client has closed its connection. One that only ended its own sending is still there.
    pub(crate) fn has_left(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::empty())];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl AsFd for Peer {
    /// To be polled with no events asked for: it becomes ready when the client leaves.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A connection without HTTP: blocking, and what the client had sent already.
#[derive(Debug)]
pub(crate) struct Hijacked {
    /// The connection.
    pub(crate) stream: UnixStream,
    /// Bytes that came behind the request.
    pub(crate) early: Vec<u8>,
}

impl Read for Hijacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.early.is_empty() {
            return self.stream.read(buffer);
        }
        let count = buffer.len().min(self.early.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        Ok(count)
    }
}
