//! Connections that stop being HTTP, and the sight of a client that has left.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Who asked. Cheap to clone; keeps the connection's descriptor, not the connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    descriptor: Arc<OwnedFd>,
    /// An end of sending is a hang-up, too: TCP does not tell them apart.
    ends: bool,
}

impl Peer {
    /// Over a descriptor of the connection.
    pub(crate) fn new(descriptor: OwnedFd, half_close: bool) -> Self {
        Self { descriptor: Arc::new(descriptor), ends: !half_close }
    }

    /// To be polled beside other things: it becomes ready when the client leaves.
    pub(crate) fn leaving(&self) -> PollFd<'_> {
        PollFd::new(&*self.descriptor, if self.ends { PollFlags::RDHUP } else { PollFlags::empty() })
    }

    /// A copy of the connection's descriptor, for whoever watches it in a `poll` of its own.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.descriptor.try_clone()
    }

    /// Whether the client has closed its connection. One that only ended its own sending is still there.
    pub(crate) fn has_left(&self) -> bool {
        let mut fds = [self.leaving()];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }
}

impl AsFd for Peer {
    /// To be polled with no events asked for: it becomes ready when the client leaves.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// How long a client may take to close its side after we have closed ours.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection without HTTP: blocking, and what the client had sent already.
#[derive(Debug)]
pub(crate) struct Hijacked {
    /// The connection.
    pub(crate) stream: UnixStream,
    /// Bytes that came behind the request.
    pub(crate) early: Vec<u8>,
}

impl AsFd for Hijacked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Hijacked {
    /// Ends our side and waits a moment for the other: a connection closed with unread bytes in it would be a reset for the client.
    pub(crate) fn finish(mut self) {
        drop(self.stream.shutdown(Shutdown::Write));
        let until = Instant::now() + FAREWELL;
        let mut scratch = [0u8; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let wait = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: i64::from(left.subsec_nanos()) };
            let ready = matches!(poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&wait)), Ok(1..));
            if !ready || !self.stream.read(&mut scratch).is_ok_and(|count| count > 0) {
                return;
            }
        }
    }
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
