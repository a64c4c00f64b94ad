//! The monitor's ends of one process's streams, and the stdin that waits to be written.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use stead_runtime::ChildIo;

use crate::log::Stream;
use crate::log::split::Splitter;

/// One stream from the container.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stream: Stream,
    pub(crate) fd: OwnedFd,
    pub(crate) lines: Splitter,
}

/// What one read brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// This many bytes.
    Bytes(usize),
    /// Nothing at the moment.
    Nothing,
    /// The stream is over.
    End,
}

/// All streams of the container's process.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) outputs: Vec<Output>,
    input: Option<Input>,
    terminal: bool,
    /// Stdin not yet taken by the container.
    queue: Vec<u8>,
    close_when_empty: bool,
    /// The process is still to come: its stdin is kept for it.
    unborn: bool,
}

#[derive(Debug)]
enum Input {
    Pipe(OwnedFd),
    /// The descriptor is the (only) output's.
    Terminal,
}

impl Streams {
    /// Before the first birth.
    pub(crate) fn unborn() -> Self {
        Self { unborn: true, ..Self::default() }
    }

    /// The same with the stdin that clients sent, and ended, before the birth.
    pub(crate) fn after(mut self, before: Self) -> Self {
        if before.unborn && self.input.is_some() {
            self.queue = before.queue;
            if before.close_when_empty {
                self.close_input();
            }
        }
        self
    }

    /// Takes over a newborn's streams, which never block from now on.
    pub(crate) fn new(io: ChildIo) -> Self {
        let output = |stream, fd| Output { stream, fd, lines: Splitter::default() };
        let streams = match io {
            ChildIo::Pipes { stdin, stdout, stderr } => Self {
                outputs: vec![output(Stream::Stdout, stdout), output(Stream::Stderr, stderr)],
                input: stdin.map(Input::Pipe),
                ..Self::default()
            },
            ChildIo::Pty(master) => {
                Self { outputs: vec![output(Stream::Stdout, master)], input: Some(Input::Terminal), terminal: true, ..Self::default() }
            }
        };
        for output in &streams.outputs {
            set_nonblocking(&output.fd);
        }
        if let Some(Input::Pipe(fd)) = &streams.input {
            set_nonblocking(fd);
        }
        streams
    }

    /// Where stdin goes, if it is open.
    pub(crate) fn input(&self) -> Option<&OwnedFd> {
        match self.input.as_ref()? {
            Input::Pipe(fd) => Some(fd),
            Input::Terminal => self.outputs.first().map(|output| &output.fd),
        }
    }

    /// The terminal's master.
    pub(crate) fn terminal(&self) -> Option<&OwnedFd> {
        if self.terminal { self.input() } else { None }
    }

    /// Whether stdin waits for the container to take it.
    pub(crate) fn has_input_queued(&self) -> bool {
        !self.queue.is_empty() && self.input().is_some()
    }

    /// Takes stdin from a client; how much of it (and of what waited before) the container took or will never take.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        if self.close_when_empty || (self.input().is_none() && !self.unborn) {
            return bytes.len();
        }
        self.queue.extend_from_slice(bytes);
        self.drain_input()
    }

    /// Writes what waits; how many bytes left the queue.
    pub(crate) fn drain_input(&mut self) -> usize {
        let mut taken = 0;
        while taken < self.queue.len() {
            let Some(fd) = self.input() else { break };
            match rustix::io::write(fd, &self.queue[taken..]) {
                Ok(count) => taken += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // The container closed its stdin: nobody will ever read this.
                Err(_) => {
                    taken = self.queue.len();
                    self.input = None;
                }
            }
        }
        drop(self.queue.drain(..taken));
        if self.queue.is_empty() {
            self.queue = Vec::new();
            if self.close_when_empty {
                self.input = None;
            }
        }
        taken
    }

    /// Ends stdin once everything before it was taken. A terminal has no end of its own.
    pub(crate) fn close_input(&mut self) {
        if self.terminal {
            return;
        }
        self.close_when_empty = true;
        if self.queue.is_empty() {
            self.input = None;
        }
    }

    /// Removes an output that is over.
    pub(crate) fn remove(&mut self, stream: Stream) -> Option<Splitter> {
        let at = self.outputs.iter().position(|output| output.stream == stream)?;
        Some(self.outputs.remove(at).lines)
    }
}

/// One read that never waits. A terminal whose last user has gone answers EIO.
pub(crate) fn read(fd: &OwnedFd, scratch: &mut [u8]) -> Got {
    loop {
        return match rustix::io::read(fd, &mut *scratch) {
            Ok(0) => Got::End,
            Ok(count) => Got::Bytes(count),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Got::Nothing,
            Err(_) => Got::End,
        };
    }
}

/// A descriptor that cannot be switched stays blocking, which poll makes harmless for reads.
pub(crate) fn set_nonblocking(fd: &OwnedFd) {
    crate::tolerate(rustix::io::ioctl_fionbio(fd, true));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipes() -> (Streams, OwnedFd) {
        let (stdin_read, stdin_write) = rustix::pipe::pipe().unwrap();
        let (stdout, _) = rustix::pipe::pipe().unwrap();
        let (stderr, _) = rustix::pipe::pipe().unwrap();
        (Streams::new(ChildIo::Pipes { stdin: Some(stdin_write), stdout, stderr }), stdin_read)
    }

    #[test]
    fn stdin_waits_for_a_slow_reader_and_then_ends() {
        let (mut streams, reader) = pipes();
        let text = vec![7u8; 100_000];
        let mut taken = 0;
        for chunk in text.chunks(16384) {
            taken += streams.feed(chunk);
        }
        assert_eq!(taken, 65536);
        assert!(streams.has_input_queued());
        streams.close_input();
        let mut got = 0;
        let mut buffer = vec![0u8; 50_000];
        while got < text.len() {
            let count = rustix::io::read(&reader, &mut buffer).unwrap();
            assert!(count > 0 && buffer[..count].iter().all(|&byte| byte == 7));
            got += count;
            streams.drain_input();
        }
        assert!(streams.input().is_none());
        assert_eq!(rustix::io::read(&reader, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn what_is_sent_before_the_birth_is_kept() {
        let mut before = Streams::unborn();
        assert_eq!(before.feed(b"early"), 0);
        before.close_input();
        let (streams, reader) = pipes();
        let mut streams = streams.after(before);
        assert!(streams.has_input_queued());
        assert_eq!(streams.drain_input(), 5);
        let mut buffer = [0u8; 16];
        assert_eq!(rustix::io::read(&reader, &mut buffer).unwrap(), 5);
        assert_eq!(rustix::io::read(&reader, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_closed_reader_takes_everything() {
        let (mut streams, reader) = pipes();
        drop(reader);
        assert_eq!(streams.feed(b"lost"), 4);
        assert_eq!(streams.feed(b"lost"), 4);
        assert!(!streams.has_input_queued());
    }
}
