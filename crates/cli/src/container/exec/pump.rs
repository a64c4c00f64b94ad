//! Streams of an exec session: its descriptors are ours, so bytes pass through no third process.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{Winsize, tcsetwinsize};
use stead_monitor::Client;
use stead_monitor::client::ExecStreams;

use crate::command::Outcome;
use crate::container::foreground::{ended_by, monitor};
use crate::failure::{EXIT_PIPE, Failure};
use crate::terminal::signals::{Signal, Signals, Use};
use crate::terminal::{self, Raw};
use stead_base::detach::Keys;

/// How long output may still come after the command ended, from what it left running with our pipes open. Docker's two seconds.
const LINGER: Duration = Duration::from_secs(2);
/// Once the command ended, silence of this length means that nothing more comes.
const SILENCE: Duration = Duration::from_millis(100);

/// The session's descriptors, each gone once it ended.
struct Streams {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    tty: bool,
}

/// Pumps until the command has ended and its output is read, or the user detached.
///
/// # Errors
/// Our own streams or the monitor's connection fail.
pub(super) fn follow(client: &mut Client, streams: ExecStreams, keys: Keys) -> Outcome {
    let streams = match streams {
        ExecStreams::None => return Ok(0),
        ExecStreams::Pipes { stdin, stdout, stderr } => Streams { stdin, stdout: Some(stdout), stderr: Some(stderr), tty: false },
        ExecStreams::Terminal(master) => {
            let writing = master.try_clone()?;
            Streams { stdin: Some(writing), stdout: Some(master), stderr: None, tty: true }
        }
    };
    if let Some(stdin) = &streams.stdin {
        // A command that does not read must not keep us from showing what it writes.
        let flags = rustix::fs::fcntl_getfl(stdin).map_err(io::Error::from)?;
        rustix::fs::fcntl_setfl(stdin, flags | rustix::fs::OFlags::NONBLOCK).map_err(io::Error::from)?;
    }
    let reads = streams.stdin.is_some();
    let raw = if streams.tty { Raw::enter()? } else { None };
    let signals = Signals::take(Use::of(raw.as_ref())).map_err(Failure::error)?;
    let mut pump = Pump { streams, keys, raw, signals, reads, typed: Vec::new(), status: None };
    pump.resize();
    pump.run(client)
}

struct Pump {
    streams: Streams,
    keys: Keys,
    raw: Option<Raw>,
    signals: Signals,
    /// Whether our standard input is still read.
    reads: bool,
    /// Typed and not yet taken by the command.
    typed: Vec<u8>,
    /// The command's exit code, and when we learned it.
    status: Option<(i32, Instant)>,
}

/// What `poll` found ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Client,
    Signals,
    Stdout,
    Stderr,
    /// Our standard input has something.
    Input,
    /// The command's standard input has room.
    Writable,
    /// The time was up.
    Nothing,
}

impl Pump {
    fn run(&mut self, client: &mut Client) -> Outcome {
        loop {
            if let Some((code, since)) = self.status {
                let drained = self.streams.stdout.is_none() && self.streams.stderr.is_none();
                if drained || since.elapsed() > LINGER {
                    return Ok(low_byte(code));
                }
            }
            for which in self.wait(client)? {
                match which {
                    Which::Stdout => show(&mut self.streams.stdout, &mut io::stdout().lock())?,
                    Which::Stderr => show(&mut self.streams.stderr, &mut io::stderr().lock())?,
                    // The monitor speaks once, at the end.
                    Which::Client => self.status = Some((client.exec_wait().map_err(monitor)?, Instant::now())),
                    Which::Writable => self.write(),
                    Which::Input => {
                        if self.input()? {
                            crate::output::warn("read escape sequence");
                            return Ok(0);
                        }
                    }
                    Which::Signals => {
                        if let Some(status) = self.signal() {
                            return Err(Failure::silent(status));
                        }
                    }
                    Which::Nothing => {
                        if let Some((code, _)) = self.status {
                            return Ok(low_byte(code));
                        }
                    }
                }
            }
        }
    }

    fn wait(&self, client: &Client) -> Result<Vec<Which>, Failure> {
        let our_stdin = io::stdin();
        let mut which = vec![Which::Signals];
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if self.status.is_none() {
            which.push(Which::Client);
            fds.push(PollFd::new(client, PollFlags::IN));
        }
        for (name, stream) in [(Which::Stdout, &self.streams.stdout), (Which::Stderr, &self.streams.stderr)] {
            if let Some(fd) = stream {
                which.push(name);
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        match &self.streams.stdin {
            Some(fd) if !self.typed.is_empty() => {
                which.push(Which::Writable);
                fds.push(PollFd::new(fd, PollFlags::OUT));
            }
            Some(_) if self.reads => {
                which.push(Which::Input);
                fds.push(PollFd::new(&our_stdin, PollFlags::IN));
            }
            _ => {}
        }
        let limit = self.status.map(|_| Timespec { tv_sec: 0, tv_nsec: i64::from(SILENCE.subsec_nanos()) });
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => Ok(vec![Which::Nothing]),
            Ok(_) => Ok(which.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|(w, _)| w).collect()),
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(errno) => Err(Failure::error(io::Error::from(errno))),
        }
    }

    /// Gives the command what was typed, as much as it takes.
    fn write(&mut self) {
        let Some(stdin) = &self.streams.stdin else { return };
        match rustix::io::write(stdin, &self.typed) {
            Ok(count) => drop(self.typed.drain(..count)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_closed) => {
                self.typed.clear();
                self.streams.stdin = None;
            }
        }
        if self.typed.is_empty() && !self.reads {
            self.streams.stdin = None;
        }
    }

    /// One read of our standard input. True when the user detached.
    fn input(&mut self) -> Result<bool, Failure> {
        let mut buffer = [0u8; 8 << 10];
        let count = terminal::read(io::stdin().as_fd(), &mut buffer)?;
        if count == 0 {
            self.reads = false;
            // A terminal has no end of input: the command decides when it has read enough.
            if !self.streams.tty {
                self.streams.stdin = None;
            }
            return Ok(false);
        }
        if self.raw.is_some() {
            return Ok(self.keys.filter(&buffer[..count], &mut self.typed));
        }
        self.typed.extend_from_slice(&buffer[..count]);
        Ok(false)
    }

    fn signal(&self) -> Option<u8> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Resized => self.resize(),
                Signal::End(number) | Signal::Forward(number) => return Some(ended_by(number)),
            }
        }
        None
    }

    fn resize(&self) {
        if self.streams.tty
            && let Some(master) = &self.streams.stdout
            && let Some((rows, columns)) = terminal::size()
        {
            // A terminal that cannot be sized still works.
            tcsetwinsize(master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).ok();
        }
    }
}

fn low_byte(code: i32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(1)
}

/// Passes on one read; the stream is closed at its end.
fn show(stream: &mut Option<OwnedFd>, out: &mut dyn io::Write) -> Result<(), Failure> {
    let Some(fd) = stream else { return Ok(()) };
    let mut buffer = [0u8; 16 << 10];
    match terminal::read(fd.as_fd(), &mut buffer) {
        // The master shares its description with our writing end, which does not block.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Ok(0) | Err(_) => {
            *stream = None;
            Ok(())
        }
        Ok(count) => out.write_all(&buffer[..count]).and_then(|()| out.flush()).map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(EXIT_PIPE),
            _ => Failure::error(e),
        }),
    }
}
