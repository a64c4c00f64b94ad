//! One client as the monitor sees it: frames in, frames out, never a wait.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::Serialize;
use stead_base::Kind as Failure;

use crate::protocol::{self, Attach, Condition, Failed, Kind};

/// Stream bytes that may wait for one client before the container is held back.
pub(super) const OUTBOX_MAX: usize = 64 << 10;

/// A part of what has to be sent, with the descriptors that go with its first byte.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    descriptors: Vec<OwnedFd>,
}

/// One connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four things that are true of a client or not, each on its own")]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    inbox: Vec<u8>,
    outbox: VecDeque<Piece>,
    waiting: usize,
    /// Since when the outbox has been over its limit.
    pub(super) full_since: Option<Instant>,
    pub(super) attach: Option<Attach>,
    /// Whether its stdin is over.
    pub(super) stdin_closed: bool,
    pub(super) wait: Option<Condition>,
    pub(super) claimed: bool,
    /// The container is frozen for it, and goes on when it leaves.
    pub(super) holds_still: bool,
    /// The container stood still for it and did not until it let go.
    pub(super) broken: Option<&'static str>,
    /// It has hung up or broken the rules.
    pub(super) gone: bool,
}

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            inbox: Vec::new(),
            outbox: VecDeque::new(),
            waiting: 0,
            full_since: None,
            attach: None,
            stdin_closed: false,
            wait: None,
            claimed: false,
            holds_still: false,
            broken: None,
            gone: false,
        }
    }

    /// Whether there is something to write.
    pub(super) fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether the container's output has to wait for this client.
    pub(super) fn is_full(&self) -> bool {
        self.waiting > OUTBOX_MAX
    }

    /// Reads what has come; complete frames are taken with [`Self::take_frame`].
    pub(super) fn read(&mut self, scratch: &mut [u8]) {
        loop {
            let mut control = RecvAncillaryBuffer::default();
            match rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(scratch)], &mut control, RecvFlags::DONTWAIT) {
                Ok(message) if message.bytes == 0 => break self.gone = true,
                Ok(message) => {
                    self.inbox.extend_from_slice(&scratch[..message.bytes]);
                    if message.bytes < scratch.len() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => break self.gone = true,
            }
        }
    }

    /// The next whole frame.
    pub(super) fn take_frame(&mut self) -> Option<(Kind, Vec<u8>)> {
        let header: [u8; protocol::HEADER] = self.inbox.get(..protocol::HEADER)?.try_into().ok()?;
        let Some((kind, length)) = protocol::parse_header(header) else {
            self.gone = true;
            return None;
        };
        let end = protocol::HEADER + length;
        if self.inbox.len() < end {
            return None;
        }
        let payload = self.inbox[protocol::HEADER..end].to_vec();
        drop(self.inbox.drain(..end));
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
        Some((kind, payload))
    }

    pub(super) fn send_json<T: Serialize>(&mut self, kind: Kind, value: &T) {
        self.push(protocol::json(kind, value), Vec::new());
    }

    pub(super) fn send_json_with<T: Serialize>(&mut self, kind: Kind, value: &T, descriptors: Vec<OwnedFd>) {
        self.push(protocol::json(kind, value), descriptors);
    }

    pub(super) fn done(&mut self) {
        self.push(protocol::frame(Kind::Done, &[]), Vec::new());
    }

    pub(super) fn refuse(&mut self, kind: Failure, message: impl Into<String>) {
        self.send_json(Kind::Failed, &Failed::new(kind, message));
    }

    /// Sends stream bytes; what the socket does not take now waits.
    pub(super) fn send_stream(&mut self, kind: Kind, payload: &[u8], now: Instant) {
        self.push(protocol::frame(kind, payload), Vec::new());
        if self.is_full() {
            self.full_since.get_or_insert(now);
        }
    }

    fn push(&mut self, bytes: Vec<u8>, descriptors: Vec<OwnedFd>) {
        if self.gone {
            return;
        }
        self.waiting += bytes.len();
        self.outbox.push_back(Piece { bytes, sent: 0, descriptors });
        if self.outbox.len() == 1 {
            self.flush();
        }
    }

    /// Writes as much as the socket takes.
    pub(super) fn flush(&mut self) {
        while let Some(piece) = self.outbox.front_mut() {
            match send(&self.socket, piece) {
                Ok(count) => {
                    piece.sent += count;
                    piece.descriptors.clear();
                    self.waiting -= count;
                    if piece.sent == piece.bytes.len() {
                        drop(self.outbox.pop_front());
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.gone = true;
                    self.outbox.clear();
                    self.waiting = 0;
                    break;
                }
            }
        }
        if !self.is_full() {
            self.full_since = None;
        }
    }
}

fn send(socket: &OwnedFd, piece: &Piece) -> Result<usize, Errno> {
    let mut space = [std::mem::MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let borrowed: Vec<_> = piece.descriptors.iter().map(AsFd::as_fd).collect();
    if !borrowed.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::net::sendmsg(socket, &[IoSlice::new(&piece.bytes[piece.sent..])], &mut control, flags)
}
