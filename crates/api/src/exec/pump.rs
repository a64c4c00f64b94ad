//! The streams of one session: its descriptors are ours, so bytes pass through no third process.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use stead_base::detach::Keys;
use stead_engine::Failure;
use stead_engine::exec::ExecCreate;
use stead_engine::session::{Client, ExecStreams, Stream};

use crate::container::poll_wait;
use crate::frames::Frames;
use crate::hijack::Hijacked;

/// How long output may still come after the command ended, from what it left running with our pipes open. Docker's two seconds.
const LINGER: Duration = Duration::from_secs(2);
/// Once the command ended, silence of this length means that nothing more comes.
const SILENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Follows a session to its end; a program that could not be started is told of in the stream, as in Docker.
pub(super) fn run(
    launched: Result<(Client, ExecStreams), Failure>,
    asked: &ExecCreate,
    keys: Option<Keys>,
    connection: Hijacked,
    raw: bool,
) {
    let Ok(out) = connection.stream.try_clone() else { return };
    let mut out = Frames::new(out, raw);
    let (client, streams) = match launched {
        Ok(launched) => launched,
        Err(failure) => {
            drop(out.send(Stream::Stdout, format!("{}\r\n", failure.message).as_bytes()));
            return connection.finish();
        }
    };
    match Pump::new(client, streams, asked, keys, connection, out) {
        Ok(mut pump) => {
            drop(pump.run());
            pump.connection.finish();
        }
        Err(_no_descriptor) => {}
    }
}

struct Pump {
    client: Client,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    tty: bool,
    shows: (bool, bool),
    keys: Option<Keys>,
    connection: Hijacked,
    out: Frames<UnixStream>,
    /// Whether the client may still send.
    reads: bool,
    /// Sent by it and not yet taken by the command.
    typed: Vec<u8>,
    /// When the command ended.
    ended: Option<Instant>,
}

/// What `poll` found ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Monitor,
    Stdout,
    Stderr,
    /// The command's standard input has room.
    Writable,
    /// The client has sent something, or ended its sending.
    Input,
}

impl Pump {
    fn new(
        client: Client,
        streams: ExecStreams,
        asked: &ExecCreate,
        keys: Option<Keys>,
        connection: Hijacked,
        out: Frames<UnixStream>,
    ) -> io::Result<Self> {
        let (stdin, stdout, stderr) = match streams {
            ExecStreams::None => (None, None, None),
            ExecStreams::Pipes { stdin, stdout, stderr } => (stdin, Some(stdout), Some(stderr)),
            ExecStreams::Terminal(master) => (Some(master.try_clone()?), Some(master), None),
        };
        let stdin = stdin.filter(|_| asked.attach_stdin);
        if let Some(stdin) = &stdin {
            // A command that does not read must not keep us from passing on what it writes.
            let flags = rustix::fs::fcntl_getfl(stdin)?;
            rustix::fs::fcntl_setfl(stdin, flags | OFlags::NONBLOCK)?;
        }
        let reads = stdin.is_some();
        // A terminal has one output; who wants none of both is shown all the same, as in Docker.
        let shows = (asked.attach_stdout || asked.tty, asked.attach_stderr);
        Ok(Self { client, stdin, stdout, stderr, tty: asked.tty, shows, keys, connection, out, reads, typed: Vec::new(), ended: None })
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            if let Some(since) = self.ended {
                let drained = self.stdout.is_none() && self.stderr.is_none();
                if drained || since.elapsed() > LINGER {
                    return Ok(());
                }
            }
            let (ready, left) = self.wait()?;
            if ready.is_empty() && self.ended.is_some() && !left {
                return Ok(());
            }
            for which in ready {
                match which {
                    Which::Stdout => show(&mut self.stdout, Stream::Stdout, self.shows.0, &mut self.out)?,
                    Which::Stderr => show(&mut self.stderr, Stream::Stderr, self.shows.1, &mut self.out)?,
                    Which::Monitor => {
                        // It speaks once, at the end; gone without a word is an end, too.
                        drop(self.client.exec_wait());
                        self.ended = Some(Instant::now());
                    }
                    Which::Writable => self.write(),
                    Which::Input => {
                        if self.input()? {
                            return Ok(());
                        }
                    }
                }
            }
            if left && !self.reads {
                return Ok(());
            }
        }
    }

    /// What is ready, and whether the client has left for good.
    fn wait(&self) -> io::Result<(Vec<Which>, bool)> {
        let takes = self.reads && self.typed.is_empty();
        if takes && !self.connection.early.is_empty() {
            return Ok((vec![Which::Input], false));
        }
        let (mut which, mut fds) = (Vec::new(), Vec::new());
        if self.ended.is_none() {
            which.push(Which::Monitor);
            fds.push(PollFd::new(&self.client, PollFlags::IN));
        }
        for (name, stream) in [(Which::Stdout, &self.stdout), (Which::Stderr, &self.stderr)] {
            if let Some(fd) = stream {
                which.push(name);
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        if let Some(fd) = self.stdin.as_ref().filter(|_| !self.typed.is_empty()) {
            which.push(Which::Writable);
            fds.push(PollFd::new(fd, PollFlags::OUT));
        }
        // While its input has to wait, its end cannot be told from a hang-up: it is seen later.
        let watched = takes || !self.reads;
        if watched {
            which.push(Which::Input);
            fds.push(PollFd::new(&self.connection, if takes { PollFlags::IN } else { PollFlags::empty() }));
        }
        poll_wait(&mut fds, self.ended.map(|_| SILENCE).as_ref())?;
        let client = if watched { fds.last().map_or(PollFlags::empty(), PollFd::revents) } else { PollFlags::empty() };
        let ready = which.into_iter().zip(&fds).filter(|(which, fd)| !fd.revents().is_empty() && (*which != Which::Input || takes));
        Ok((ready.map(|(which, _)| which).collect(), client.intersects(PollFlags::HUP | PollFlags::ERR)))
    }

    /// Gives the command what was sent, as much as it takes.
    fn write(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match rustix::io::write(stdin, &self.typed) {
            Ok(count) => drop(self.typed.drain(..count)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_closed) => {
                self.typed.clear();
                self.stdin = None;
                self.reads = false;
            }
        }
        if self.typed.is_empty() && !self.reads {
            self.stdin = None;
        }
    }

    /// One read of what the client sends. True when it detached.
    fn input(&mut self) -> io::Result<bool> {
        let mut buffer = [0u8; 8 << 10];
        let count = self.connection.read(&mut buffer)?;
        if count == 0 {
            self.reads = false;
            // A terminal has no end of input: the command decides when it has read enough.
            if !self.tty {
                self.stdin = None;
            }
            return Ok(false);
        }
        if let Some(keys) = &mut self.keys {
            return Ok(keys.filter(&buffer[..count], &mut self.typed));
        }
        self.typed.extend_from_slice(&buffer[..count]);
        Ok(false)
    }
}

/// Passes on one read; the stream is closed at its end.
fn show(stream: &mut Option<OwnedFd>, kind: Stream, shown: bool, out: &mut Frames<UnixStream>) -> io::Result<()> {
    let Some(fd) = stream else { return Ok(()) };
    let mut buffer = [0u8; 16 << 10];
    match rustix::io::read(fd.as_fd(), &mut buffer) {
        // The master shares its description with our writing end, which does not block.
        Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Ok(0) | Err(_) => {
            *stream = None;
            Ok(())
        }
        Ok(count) if shown => out.send(kind, &buffer[..count]),
        Ok(_) => Ok(()),
    }
}
