//! Docker's multiplexed stream: eight bytes of header before each piece of standard output or error.

use std::io::{self, Write};

use stead_engine::session::Stream;

use crate::version::Version;

/// Raw bytes: a terminal's.
const RAW: &str = "application/vnd.docker.raw-stream";
/// Framed bytes, named so since 1.42.
const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// The content type of a container's or a session's output.
pub(crate) fn content_type(version: Version, tty: bool) -> &'static str {
    if !tty && version >= Version(1, 42) { MULTIPLEXED } else { RAW }
}

/// Writes output in frames, or as it is where it is a terminal's.
#[derive(Debug)]
pub(crate) struct Frames<W> {
    to: W,
    raw: bool,
    buffer: Vec<u8>,
}

impl<W: Write> Frames<W> {
    /// Frames for a client; `raw` for a terminal.
    pub(crate) fn new(to: W, raw: bool) -> Self {
        Self { to, raw, buffer: Vec::new() }
    }

    /// Adds a piece without sending it; much of it is sent as it comes.
    ///
    /// # Errors
    /// The client has left.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        const ENOUGH: usize = 32 << 10;
        if !self.raw {
            self.buffer.extend_from_slice(&header(stream, bytes.len()));
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= ENOUGH { self.flush() } else { Ok(()) }
    }

    /// Sends what was added.
    ///
    /// # Errors
    /// The client has left.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let outcome = self.to.write_all(&self.buffer);
        self.buffer.clear();
        outcome
    }

    /// Sends one piece.
    ///
    /// # Errors
    /// The client has left.
    pub(crate) fn send(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.push(stream, bytes)?;
        self.flush()
    }
}

/// Stream, three zeros, length with the highest byte first.
fn header(stream: Stream, length: usize) -> [u8; 8] {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let kind = match stream {
        Stream::Stdout => 1,
        Stream::Stderr => 2,
    };
    [kind, 0, 0, 0, length[0], length[1], length[2], length[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_which_stream_and_how_long() {
        let mut out = Vec::new();
        Frames::new(&mut out, false).send(Stream::Stderr, b"oh").unwrap();
        assert_eq!(out, b"\x02\0\0\0\0\0\0\x02oh");
        out.clear();
        Frames::new(&mut out, true).send(Stream::Stdout, b"oh").unwrap();
        assert_eq!(out, b"oh");
    }

    #[test]
    fn the_type_has_a_name_since_1_42() {
        assert_eq!(content_type(Version(1, 41), false), RAW);
        assert_eq!(content_type(Version(1, 42), false), MULTIPLEXED);
        assert_eq!(content_type(Version(1, 50), true), RAW);
    }
}
