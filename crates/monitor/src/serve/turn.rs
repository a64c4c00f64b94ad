//! One turn of the loop: what is due, what is ready, in which order.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketFlags;
use stead_sys::lock::Lock;
use stead_sys::{process, signal};

use super::checks::Checks;
use super::connection::Connection;
use super::life::Life;
use super::sessions::Sessions;
use super::still::Stillness;
use super::{Shop, remark};
use crate::config::MonitorConfig;
use crate::exit::Exit;
use crate::log::Stream;
use crate::log::rotate::Writer;
use crate::protocol;
use crate::restart::Restart;
use crate::state::{State, Status};
use crate::stdio::Streams;

const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;

/// The connection that came with our birth.
pub(super) const CREATOR: u64 = 0;

/// Everything the monitor knows.
pub(super) struct Server {
    pub(super) config: MonitorConfig,
    /// The least score that may be had, where we may not go below the one we were born with.
    pub(super) oom_floor: Option<i32>,
    pub(super) lock: Option<Lock>,
    /// Until it is decided whether the container is born: nobody else starts or removes it, even when our creator was killed.
    pub(super) birth_lock: Option<OwnedFd>,
    /// Held until the container has ended for good.
    pub(super) lease: Option<OwnedFd>,
    pub(super) listener: Option<OwnedFd>,
    pub(super) log: Option<Writer>,
    signals: OwnedFd,
    /// Published ports, kept from everybody else while the container lives.
    pub(super) ports: Vec<OwnedFd>,
    pub(super) connections: BTreeMap<u64, Connection>,
    next_token: u64,
    pub(super) life: Life,
    pub(super) state: State,
    pub(super) restart: Restart,
    pub(super) last_exit: Option<Exit>,
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) streams: Streams,
    /// Whose stdin waits in the queue, oldest first.
    pub(super) feeders: VecDeque<(u64, usize)>,
    pub(super) sessions: Sessions,
    pub(super) checks: Checks,
    pub(super) stillness: Stillness,
    pub(super) kill_at: Option<Instant>,
    /// Somebody asked it to stop: when it has, an event says so.
    pub(super) stopping: bool,
    pub(super) born_at: Instant,
    /// The machine goes down: no restart, and nobody's doing.
    pub(super) shutting_down: bool,
    /// Somebody else has done (or does) the clean-up.
    pub(super) cleaned: bool,
    pub(super) scratch: Vec<u8>,
}

/// What became ready.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Client(u64),
    Output(Stream),
    Input,
    Drains,
    Probe,
}

impl Server {
    pub(super) fn new(config: MonitorConfig, shop: Shop, first: Connection) -> Self {
        Self {
            restart: Restart::new(config.restart),
            config,
            oom_floor: shop.oom_floor,
            lock: Some(shop.lock),
            birth_lock: shop.birth_lock,
            lease: shop.lease,
            listener: Some(shop.listener),
            log: shop.log,
            signals: shop.signals,
            ports: shop.ports,
            connections: BTreeMap::from([(CREATOR, first)]),
            next_token: 1,
            life: Life::Prepared,
            state: State::unborn(),
            last_exit: None,
            pidfd: None,
            streams: Streams::unborn(),
            feeders: VecDeque::new(),
            sessions: Sessions::default(),
            checks: Checks::default(),
            stillness: Stillness::default(),
            kill_at: None,
            stopping: false,
            born_at: Instant::now(),
            shutting_down: false,
            cleaned: false,
            scratch: vec![0; protocol::DATA_MAX],
        }
    }

    /// Turns until there is nothing left to do; the exit code of the process.
    pub(super) fn run(mut self) -> i32 {
        self.save_state();
        // Everything is in place before the creator is told.
        self.answer(CREATOR, Connection::done);
        // The creator may have sent its requests together with the config.
        self.hear(CREATOR);
        loop {
            let now = Instant::now();
            self.do_what_is_due(now);
            self.sweep();
            if self.is_finished() {
                return self.leave();
            }
            for (source, flags) in self.wait(now) {
                self.handle(source, flags);
            }
        }
    }

    fn handle(&mut self, source: Source, flags: PollFlags) {
        match source {
            Source::Signals => self.take_signals(),
            Source::Listener => self.accept(),
            Source::Client(token) => {
                if flags.contains(PollFlags::OUT)
                    && let Some(connection) = self.connections.get_mut(&token)
                {
                    connection.flush();
                }
                if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                    self.hear(token);
                }
            }
            Source::Output(stream) => self.pass_on(stream),
            Source::Input => self.feed_more(),
            Source::Drains => self.sessions.drain(&mut self.scratch),
            Source::Probe => self.hear_probe(),
        }
    }

    /// Blocks until something is ready or due.
    fn wait(&mut self, now: Instant) -> Vec<(Source, PollFlags)> {
        let held = self.is_held() && !matches!(self.life, Life::Ending { .. });
        let mut sources = Vec::new();
        let mut fds = Vec::new();
        let mut watch = |source, fd, flags| {
            sources.push(source);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        };
        watch(Source::Signals, borrow(&self.signals), PollFlags::IN);
        if let Some(listener) = &self.listener {
            watch(Source::Listener, borrow(listener), PollFlags::IN);
        }
        for (token, connection) in &self.connections {
            let flags = if connection.wants_write() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            watch(Source::Client(*token), borrow(&connection.socket), flags);
        }
        if !held {
            for output in &self.streams.outputs {
                watch(Source::Output(output.stream), borrow(&output.fd), PollFlags::IN);
            }
        }
        if let (true, Some(input)) = (self.streams.has_input_queued(), self.streams.input()) {
            watch(Source::Input, borrow(input), PollFlags::OUT);
        }
        for drain in self.sessions.drains() {
            watch(Source::Drains, borrow(drain), PollFlags::IN);
        }
        if let Some(pipe) = self.checks.pipe() {
            watch(Source::Probe, borrow(pipe), PollFlags::IN);
        }
        let timeout = self.next_due().map(|due| due.saturating_duration_since(now));
        let timeout = timeout
            .map(|wait| Timespec { tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(wait.subsec_nanos()) });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                remark(&format!("poll: {errno}"));
                std::thread::sleep(Duration::from_millis(10));
                return Vec::new();
            }
        }
        sources.into_iter().zip(fds.iter().map(PollFd::revents)).filter(|(_, flags)| !flags.is_empty()).collect()
    }

    fn take_signals(&mut self) {
        while let Ok(Some(number)) = signal::read(borrow(&self.signals)) {
            match number {
                SIGCHLD => self.reap(),
                SIGTERM => {
                    self.shutting_down = true;
                    self.begin_stop(None, None);
                }
                _ => {}
            }
        }
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, exit))) = process::reap_any() {
            let pid = u32::try_from(pid).unwrap_or(0);
            if pid == self.state.pid && matches!(self.life, Life::Running) {
                self.process_ended(exit);
            } else if let Some((client, report)) = self.sessions.ended(pid, exit.status()) {
                // On disk before it is told: whoever is told may ask for it elsewhere.
                crate::asked::finish(&self.config.run_root(), &self.config.id, &report.id, report.exit_code);
                self.emit("exec_die", &[("execID", report.id.clone()), ("exitCode", report.exit_code.to_string())]);
                if let Some(connection) = client.and_then(|token| self.connections.get_mut(&token)) {
                    connection.send_json(protocol::Kind::ExecExited, &report);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Some(listener) = &self.listener {
            match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    drop(self.connections.insert(self.next_token, Connection::new(socket)));
                    self.next_token += 1;
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => {}
                Err(_) => break,
            }
        }
    }

    /// Forgets clients that have gone, with what their going means.
    fn sweep(&mut self) {
        let gone: Vec<u64> = self.connections.iter().filter(|(_, connection)| connection.gone).map(|(token, _)| *token).collect();
        for token in gone {
            let Some(connection) = self.connections.remove(&token) else { continue };
            self.feeders.retain(|(feeder, _)| *feeder != token);
            if connection.attach.is_some_and(|attach| attach.stdin) && !connection.stdin_closed {
                self.client_stdin_ended();
            }
            if connection.holds_still && self.state.status == Status::Paused {
                crate::tolerate(self.freeze(false));
            }
            self.holder_left(token);
            self.sessions.client_left(token);
        }
    }
}

pub(super) fn borrow(fd: &OwnedFd) -> std::os::fd::BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(fd)
}
