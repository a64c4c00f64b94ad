//! Following a container: its output to ours, our input to it, signals, the size of the terminal, until one side ends.
//!
//! One thread and one `poll`: the monitor's connection, standard input and the signals. What is typed waits in the terminal until the
//! monitor has room for it, and what the container writes waits in the connection while our reader is slow, as a pipe would do it.

use std::io;
use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, poll};
use stead_monitor::client::Frame;
use stead_monitor::protocol::{self, Attach, Kind};
use stead_monitor::{Client, Exit};

use crate::command::Matches;
use crate::failure::{EXIT_ENGINE, EXIT_PIPE, Failure};
use crate::output;
use crate::terminal::signals::{Signal, Signals, Use};
use crate::terminal::{self, Raw};
use stead_base::detach::Keys;

/// Which streams are followed, and how.
#[derive(Debug, Clone)]
pub(super) struct Follow {
    /// The streams.
    pub(super) streams: Attach,
    /// Whether the container has a terminal.
    pub(super) tty: bool,
    /// Whether signals are passed on.
    pub(super) sig_proxy: bool,
    /// The keys that detach.
    pub(super) keys: Keys,
}

/// How following ended.
#[derive(Debug)]
pub(super) enum End {
    /// The container ended.
    Exited(Option<Exit>),
    /// The user detached: it goes on.
    Detached,
    /// The monitor went without a word.
    Gone,
}

/// `--detach-keys`.
///
/// # Errors
/// A key that does not exist, status 125.
pub(super) fn keys(matches: &Matches) -> Result<Keys, Failure> {
    Keys::parse(matches.text("detach-keys").unwrap_or_default()).map_err(|text| Failure::run(matches, text))
}

/// Refuses a terminal where there is none to give, as Docker does.
///
/// # Errors
/// `the input device is not a TTY`, status 1.
pub(super) fn check_tty(terminal_for_stdin: bool) -> Result<(), Failure> {
    if terminal_for_stdin && !terminal::stdin_is_terminal() {
        return Err(Failure::plain(1, "the input device is not a TTY"));
    }
    Ok(())
}

/// A session that is ready: signals are held, the terminal is raw where it must be.
#[derive(Debug)]
pub(super) struct Session {
    follow: Follow,
    signals: Signals,
    raw: Option<Raw>,
    credit: usize,
    stdin_open: bool,
}

impl Session {
    /// Takes the terminal and the signals. To be called before the container starts, so that no signal is lost.
    ///
    /// # Errors
    /// The terminal or the signals cannot be had.
    pub(super) fn begin(follow: Follow) -> Result<Self, Failure> {
        let raw = if follow.tty && follow.streams.stdin { Raw::enter()? } else { None };
        let signals =
            Signals::take(if follow.sig_proxy && !follow.tty { Use::Forward } else { Use::of(raw.as_ref()) }).map_err(Failure::error)?;
        let stdin_open = follow.streams.stdin;
        Ok(Self { follow, signals, raw, credit: protocol::STDIN_CREDIT, stdin_open })
    }

    /// Pumps until an end. The terminal is given back before this returns.
    ///
    /// # Errors
    /// Our own streams or the monitor's connection fail.
    pub(super) fn run(mut self, client: &mut Client) -> Result<End, Failure> {
        self.resize(client)?;
        loop {
            while client.has_frame() {
                if let Some(end) = self.frame(client)? {
                    return Ok(end);
                }
            }
            let (from_monitor, from_stdin, from_signals) = self.wait(client)?;
            if from_signals {
                self.signal(client)?;
            }
            if from_monitor && let Some(end) = self.frame(client)? {
                return Ok(end);
            }
            if from_stdin && self.input(client)? {
                return Ok(End::Detached);
            }
        }
    }

    fn wait(&self, client: &Client) -> Result<(bool, bool, bool), Failure> {
        let stdin = io::stdin();
        let reads = self.stdin_open && self.credit > 0;
        let mut fds = vec![PollFd::new(client, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        if reads {
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) => {
                let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
                Ok((ready(0), ready(2), ready(1)))
            }
            Err(rustix::io::Errno::INTR) => Ok((false, false, false)),
            Err(errno) => Err(Failure::error(io::Error::from(errno))),
        }
    }

    fn frame(&mut self, client: &mut Client) -> Result<Option<End>, Failure> {
        let Some(Frame { kind, payload }) = client.next_frame().map_err(monitor)? else { return Ok(Some(End::Gone)) };
        match kind {
            Kind::Stdout => show(&payload, &mut io::stdout().lock())?,
            Kind::Stderr => show(&payload, &mut io::stderr().lock())?,
            Kind::Credit => {
                let credit: Option<protocol::Credit> = serde_json::from_slice(&payload).ok();
                self.credit += credit.map_or(0, |c| c.bytes);
            }
            Kind::Exited => {
                let exited: Option<protocol::Exited> = serde_json::from_slice(&payload).ok();
                return Ok(Some(End::Exited(exited.and_then(|e| e.exit))));
            }
            // Answers to signals passed on; a container that has just ended refuses them.
            _ => {}
        }
        Ok(None)
    }

    /// One read of standard input. True when the user detached.
    fn input(&mut self, client: &mut Client) -> Result<bool, Failure> {
        let mut buffer = [0u8; 8 << 10];
        let room = buffer.len().min(self.credit);
        let count = terminal::read(io::stdin().as_fd(), &mut buffer[..room])?;
        if count == 0 {
            self.stdin_open = false;
            // A container that ended meanwhile needs no end of input.
            drop(client.close_stdin());
            return Ok(false);
        }
        let mut typed = Vec::with_capacity(count);
        let detached = if self.raw.is_some() {
            self.follow.keys.filter(&buffer[..count], &mut typed)
        } else {
            typed.extend_from_slice(&buffer[..count]);
            false
        };
        if !typed.is_empty() {
            self.credit = self.credit.saturating_sub(typed.len());
            // A refused write means that the end is on its way: it is read from the connection.
            if client.send_stdin(&typed).is_err() {
                self.stdin_open = false;
            }
        }
        Ok(detached)
    }

    fn signal(&mut self, client: &mut Client) -> Result<(), Failure> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Resized => self.resize(client)?,
                Signal::Forward(number) => drop(client.forward_signal(number)),
                Signal::End(number) => return Err(Failure::silent(ended_by(number))),
            }
        }
        Ok(())
    }

    fn resize(&self, client: &mut Client) -> Result<(), Failure> {
        if self.follow.tty
            && let Some((rows, columns)) = terminal::size()
        {
            drop(client.resize(rows, columns));
        }
        Ok(())
    }
}

/// What a shell shows for a process that a signal ended.
pub(super) fn ended_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

fn show(bytes: &[u8], out: &mut dyn io::Write) -> Result<(), Failure> {
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| match e.kind() {
        io::ErrorKind::BrokenPipe => Failure::silent(EXIT_PIPE),
        _ => Failure::error(e),
    })
}

/// A conversation with the monitor that failed.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err takes")]
pub(super) fn monitor(error: stead_monitor::Error) -> Failure {
    Failure::plain(EXIT_ENGINE, format!("stead: {error}"))
}

/// The exit status of a command that followed a container to this end.
pub(super) fn status(end: &End) -> Result<u8, Failure> {
    match end {
        End::Exited(Some(exit)) => Ok(u8::try_from(exit.exit_code & 0xff).unwrap_or(EXIT_ENGINE)),
        End::Exited(None) => Ok(0),
        End::Detached => {
            output::warn("read escape sequence");
            Ok(0)
        }
        End::Gone => Err(Failure::plain(EXIT_ENGINE, "stead: the container's monitor ended unexpectedly").with_hint("stead system check")),
    }
}
