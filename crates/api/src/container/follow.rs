//! An attached client: output to it, its input to the container, until one side ends. One thread and one `poll`.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use stead_engine::Engine;
use stead_engine::container::meet::{Expectation, Meeting, Met, Stdio};
use stead_engine::session::{Attached, Client, Credit, Frame, FrameKind, LogQuery, STDIN_CREDIT, Stream, log};

use super::attach::Wanted;
use crate::frames::Frames;
use crate::hijack::Hijacked;

/// How often an expected container is looked for that was started without a call.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// One attached client.
pub(super) struct Session {
    engine: Arc<Engine>,
    stdio: Stdio,
    wanted: Wanted,
    connection: Hijacked,
    out: Frames<UnixStream>,
    credit: usize,
    stdin_open: bool,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

impl Session {
    /// `raw`: without frames.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(super) fn new(engine: Arc<Engine>, stdio: Stdio, wanted: Wanted, connection: Hijacked, raw: bool) -> io::Result<Self> {
        let out = Frames::new(connection.stream.try_clone()?, raw);
        let stdin_open = wanted.streams.stdin;
        Ok(Self { engine, stdio, wanted, connection, out, credit: STDIN_CREDIT, stdin_open })
    }

    /// To the end. What fails has no place in the stream: it ends.
    pub(super) fn run(mut self, meeting: Meeting, attached: Attached) {
        let met = match meeting {
            Meeting::Now(client) => Ok(Some((client, attached))),
            Meeting::Later(expectation) => self.shown_before().and_then(|()| self.expect(&expectation)),
        };
        let outcome = met.and_then(|met| match met {
            Some((client, attached)) => self.follow(client, attached),
            None => Ok(()),
        });
        drop(outcome);
        self.connection.finish();
    }

    /// All that was written so far, by a container that does not run.
    fn shown_before(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.wanted.logs) { self.show_log(None) } else { Ok(()) }
    }

    /// Waits for the start, and is attached before it.
    fn expect(&mut self, expectation: &Expectation) -> io::Result<Option<(Client, Attached)>> {
        if !self.wanted.stream {
            return Ok(None);
        }
        loop {
            match self.engine.container_met(expectation).map_err(io::Error::other)? {
                Met::Nothing => {}
                Met::Over(_) | Met::Removed => return Ok(None),
                Met::Born(mut client, call) => {
                    client.attach(self.wanted.streams).map_err(io::Error::other)?;
                    let attached = client.attached().map_err(io::Error::other)?;
                    if let Some(call) = call {
                        call.answer();
                    }
                    return Ok(Some((client, attached)));
                }
            }
            let mut fds = [PollFd::new(expectation, PollFlags::IN), PollFd::new(&self.connection, PollFlags::empty())];
            wait(&mut fds, Some(&LOOK))?;
            if !fds[1].revents().is_empty() {
                return Ok(None);
            }
        }
    }

    fn follow(&mut self, mut client: Client, attached: Attached) -> io::Result<()> {
        if self.wanted.logs {
            self.show_log(Some(attached))?;
        }
        if !self.wanted.stream {
            return Ok(());
        }
        loop {
            while client.has_frame() {
                if self.frame(&mut client)? == Goes::Over {
                    return Ok(());
                }
            }
            let (spoke, sent, left) = self.ready(&client)?;
            if spoke && self.frame(&mut client)? == Goes::Over {
                return Ok(());
            }
            if sent && self.input(&mut client)? == Goes::Over {
                return Ok(());
            }
            if left && !self.stdin_open {
                return Ok(());
            }
        }
    }

    /// What was written, up to the moment of attachment.
    fn show_log(&mut self, up_to: Option<Attached>) -> io::Result<()> {
        let Ok(source) = self.engine.container_logs(&self.stdio.id) else { return Ok(()) };
        let (stdout, stderr) = (self.wanted.streams.stdout, self.wanted.streams.stderr);
        let query = LogQuery { stdout, stderr, up_to, ..LogQuery::default() };
        for entry in log::read(&source.dir, &source.id, query).map_err(io::Error::other)? {
            let entry = entry.map_err(io::Error::other)?;
            self.out.push(entry.stream, entry.text.as_bytes())?;
        }
        self.out.flush()
    }

    /// Blocks until the monitor has spoken, the client has sent something that we have room for, or it has left.
    fn ready(&self, client: &Client) -> io::Result<(bool, bool, bool)> {
        let reads = self.stdin_open && self.credit > 0;
        if reads && !self.connection.early.is_empty() {
            return Ok((false, true, false));
        }
        let mut fds = vec![PollFd::new(client, PollFlags::IN)];
        // While its input has to wait, its end cannot be told from a hang-up: it is seen later.
        if reads || !self.stdin_open {
            fds.push(PollFd::new(&self.connection, if reads { PollFlags::IN } else { PollFlags::empty() }));
        }
        wait(&mut fds, None)?;
        let ready = |at: usize| fds.get(at).map_or(PollFlags::empty(), PollFd::revents);
        let client = ready(1);
        Ok((!ready(0).is_empty(), reads && !client.is_empty(), client.intersects(PollFlags::HUP | PollFlags::ERR)))
    }

    /// One word of the monitor.
    fn frame(&mut self, client: &mut Client) -> io::Result<Goes> {
        let Some(Frame { kind, payload }) = client.next_frame().map_err(io::Error::other)? else { return Ok(Goes::Over) };
        match kind {
            FrameKind::Stdout => self.out.send(Stream::Stdout, &payload)?,
            FrameKind::Stderr => self.out.send(Stream::Stderr, &payload)?,
            FrameKind::Credit => {
                let credit: Option<Credit> = serde_json::from_slice(&payload).ok();
                self.credit += credit.map_or(0, |credit| credit.bytes);
            }
            FrameKind::Exited => return Ok(Goes::Over),
            _ => {}
        }
        Ok(Goes::On)
    }

    /// One read of what the client sends. Over when it detached.
    fn input(&mut self, client: &mut Client) -> io::Result<Goes> {
        let mut buffer = [0u8; 8 << 10];
        let room = buffer.len().min(self.credit);
        let count = self.connection.read(&mut buffer[..room])?;
        if count == 0 {
            self.stdin_open = false;
            // A container that has just ended needs no end of input.
            drop(client.close_stdin());
            return Ok(Goes::On);
        }
        let mut typed = Vec::with_capacity(count);
        let detached = match &mut self.wanted.keys {
            Some(keys) => keys.filter(&buffer[..count], &mut typed),
            None => {
                typed.extend_from_slice(&buffer[..count]);
                false
            }
        };
        if !typed.is_empty() {
            self.credit = self.credit.saturating_sub(typed.len());
            // A refused write means that the end is on its way: it is read from the monitor.
            if client.send_stdin(&typed).is_err() {
                self.stdin_open = false;
            }
        }
        Ok(if detached { Goes::Over } else { Goes::On })
    }
}

/// `poll` that a signal does not end.
pub(crate) fn wait(fds: &mut [PollFd<'_>], limit: Option<&Timespec>) -> io::Result<()> {
    match poll(fds, limit) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
