//! Talking to the kernel's network configuration: one request, one answer, over a `NETLINK_ROUTE` socket.
//!
//! A socket belongs to the network namespace of the thread that opened it, wherever that thread goes afterwards.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::NETFILTER;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::{Error, Result};

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`.
const ACK: u16 = 0x4;
/// `NLM_F_EXCL`: refuse what exists.
pub(crate) const EXCL: u16 = 0x200;
/// `NLM_F_CREATE`.
pub(crate) const CREATE: u16 = 0x400;
/// `NLM_F_REPLACE`.
pub(crate) const REPLACE: u16 = 0x100;
/// `NLM_F_DUMP`.
const DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
/// The nftables' part of netfilter, and its message that asks for the generation.
const NFT_MSG_GETGEN: u16 = (10 << 8) | 16;
const NFTA_GEN_ID: u16 = 1;
const NLMSG_DONE: u16 = 3;
/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Larger than any answer of the kernel (it uses 32 KiB at most).
const BUFFER: usize = 64 << 10;

/// A conversation with one network namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// A request under construction: the fixed part of its kind, then attributes.
#[derive(Debug)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A message of `kind` with these flags; `fixed` is the structure that the kind begins with.
    pub(crate) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        Self(bytes)
    }

    /// Adds an attribute.
    pub(crate) fn put(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.align();
        self
    }

    /// Adds an attribute, where there is a value for it.
    pub(crate) fn put_some(self, kind: u16, value: Option<&[u8]>) -> Self {
        match value {
            Some(value) => self.put(kind, value),
            None => self,
        }
    }

    /// Adds a name, with the zero byte the kernel expects.
    pub(crate) fn put_name(self, kind: u16, name: &str) -> Self {
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(0);
        self.put(kind, &bytes)
    }

    /// Adds an attribute that holds others.
    pub(crate) fn nest(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        let mut done = fill(self);
        let length = u16::try_from(done.0.len() - start).unwrap_or(u16::MAX);
        done.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        done
    }

    /// Adds bytes that are no attribute (a structure inside a nested one).
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.align();
        self
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finish(mut self, sequence: u32, flags: u16) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        let all = u16::from_ne_bytes([self.0[6], self.0[7]]) | flags;
        self.0[6..8].copy_from_slice(&all.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

impl Netlink {
    /// A conversation with this thread's network namespace.
    pub fn open() -> Result<Self> {
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None);
        Ok(Self { socket: socket.map_err(|errno| Error::new("socket", "netlink", errno))?, sequence: 0 })
    }

    /// Which generation the nftables rules of this thread's network namespace are: every change, whoever makes it, is one more.
    pub fn rules_generation() -> Result<u32> {
        const OP: &str = "read the rules' generation";
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(NETFILTER));
        let mut kernel = Self { socket: socket.map_err(|errno| Error::new("socket", "netlink", errno))?, sequence: 0 };
        // `struct nfgenmsg`: any family, version 0.
        kernel.send(OP, "netfilter", Message::new(NFT_MSG_GETGEN, 0, &[0; 4]), 0)?;
        let mut answer = None;
        while answer.is_none() {
            kernel.receive(OP, "netfilter", |kind, payload| {
                let refused = Err(libc::EPROTO);
                let read = |payload: &[u8]| {
                    let found = attributes(payload.get(4..)?);
                    let value = found.iter().find(|(kind, _)| *kind == NFTA_GEN_ID)?.1;
                    Some(u32::from_be(number(value)))
                };
                answer = Some(if kind == NLMSG_ERROR { Err(code(payload)) } else { read(payload).map_or(refused, Ok) });
            })?;
        }
        let errno = |errno| Error::new(OP, "netfilter", io::Error::from_raw_os_error(errno));
        answer.unwrap_or(Err(libc::EPROTO)).map_err(errno)
    }

    /// Makes one change and waits for the kernel's word on it. `op` and `subject` are for the error's line.
    pub(crate) fn ask(&mut self, op: &'static str, subject: &str, message: Message) -> Result<()> {
        self.send(op, subject, message, ACK)?;
        let mut answer = None;
        while answer.is_none() {
            self.receive(op, subject, |kind, payload| {
                if kind == NLMSG_ERROR {
                    answer = Some(code(payload));
                }
            })?;
        }
        match answer {
            Some(0) | None => Ok(()),
            Some(errno) => Err(Error::new(op, subject, io::Error::from_raw_os_error(errno))),
        }
    }

    /// Reads a whole table: the payload of every row.
    pub(crate) fn dump(&mut self, op: &'static str, message: Message) -> Result<Vec<Vec<u8>>> {
        self.send(op, "netlink", message, DUMP)?;
        let (mut rows, mut end) = (Vec::new(), None);
        while end.is_none() {
            self.receive(op, "netlink", |kind, payload| match kind {
                NLMSG_DONE => end = Some(0),
                NLMSG_ERROR => end = Some(code(payload)),
                _ => rows.push(payload.to_vec()),
            })?;
        }
        match end {
            Some(0) | None => Ok(rows),
            Some(errno) => Err(Error::new(op, "netlink", io::Error::from_raw_os_error(errno))),
        }
    }

    fn send(&mut self, op: &'static str, subject: &str, message: Message, flags: u16) -> Result<()> {
        self.sequence += 1;
        let bytes = message.finish(self.sequence, flags);
        let sent = rustix::net::send(&self.socket, &bytes, SendFlags::empty());
        sent.map(drop).map_err(|errno| Error::new(op, subject, errno))
    }

    /// One datagram of answers to the last request.
    fn receive(&mut self, op: &'static str, subject: &str, mut each: impl FnMut(u16, &[u8])) -> Result<()> {
        let mut buffer = vec![0; BUFFER];
        let length = loop {
            match rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other.map_err(|errno| Error::new(op, subject, errno))?.0,
            }
        };
        let mut rest = &buffer[..length];
        while let Some((header, _)) = rest.split_at_checked(HEADER) {
            let length = number(&header[0..4]) as usize;
            let Some(payload) = rest.get(HEADER..length) else { break };
            if number(&header[8..12]) == self.sequence {
                each(u16::from_ne_bytes([header[4], header[5]]), payload);
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }
}

/// The errno in an `NLMSG_ERROR`; 0 is an acknowledgement.
fn code(payload: &[u8]) -> i32 {
    payload.get(..4).map_or(libc::EPROTO, |bytes| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).saturating_neg())
}

/// Four bytes as the kernel's number.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes.get(..4).map_or(0, |bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The attributes in `bytes`, in order.
pub(crate) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(header) = bytes.get(..4) {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        // The two highest bits say how a value is encoded, not what it is.
        let kind = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
        let Some(value) = bytes.get(4..length) else { break };
        found.push((kind, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_aligned_and_read_back() {
        let message = Message::new(1, 0, &[]).put_name(3, "abc").put(7, &[1]).nest(9, |m| m.put(1, &[1, 2]));
        let bytes = message.finish(5, ACK);
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(number(&bytes), 16 + 8 + 8 + 12);
        let read = attributes(&bytes[HEADER..]);
        assert_eq!((read[0].0, read[0].1), (3, &b"abc\0"[..]));
        assert_eq!(attributes(read[2].1), [(1, &[1u8, 2][..])]);
    }

    #[test]
    fn what_the_kernel_cut_short_is_not_read_past() {
        assert!(attributes(&[9, 0, 1, 0, 1]).is_empty());
        assert!(attributes(&[0, 0, 0]).is_empty());
        assert_eq!(code(&[]), libc::EPROTO);
    }
}
