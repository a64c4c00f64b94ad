//! Birth, end, restart, the last end: the container's life and the order in which its changes become true.

use std::ffi::CString;
use std::time::{Duration, Instant};

use stead_base::time::Time;
use stead_runtime::{LaunchError, LaunchErrorKind, Plan, Stdio, WindowSize, launch};
use stead_sys::process;

use super::turn::{CREATOR, Server, borrow};
use super::{donors, read_plan, remark};
use crate::cage;
use crate::config::Stdin;
use crate::exit::{self, Exit};
use crate::protocol::{Condition, Exited, Kind, SLOW_CLIENT_SECONDS};
use crate::state::{self, Status};
use crate::stdio::Streams;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// Docker's default for `stop -t`.
const STOP_SECONDS: i64 = 10;
/// How long the streams of a process that has ended may stay open in other hands.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What Docker keeps as the exit code of a container whose set-up failed.
const SETUP_FAILED: i32 = 128;

/// Where the container is in its life.
#[derive(Debug)]
pub(super) enum Life {
    /// Not born yet.
    Prepared,
    /// Its process lives.
    Running,
    /// Its process has ended; its streams are being read out.
    Ending {
        /// How it ended.
        exit: process::Exit,
        /// When the reading out is given up.
        until: Instant,
    },
    /// It will be born again.
    Waiting {
        /// When.
        until: Instant,
    },
    /// It has ended for good, everything is on disk and the lock is free.
    Over,
}

impl Server {
    /// Does what time has come for.
    pub(super) fn do_what_is_due(&mut self, now: Instant) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            self.kill(SIGKILL);
        }
        for connection in self.connections.values_mut() {
            let patient = connection.attach.is_some_and(|attach| attach.patient);
            let slow = connection.full_since.is_some_and(|since| now - since > Duration::from_secs(SLOW_CLIENT_SECONDS));
            if slow && !patient {
                remark("a client that did not read was dropped");
                connection.gone = true;
            }
        }
        self.stand_still_or_go_on(now);
        self.check_what_is_due(now);
        match self.life {
            Life::Ending { exit, until } if self.streams.outputs.is_empty() || until <= now => self.conclude_life(exit),
            Life::Waiting { until } if until <= now && !self.stillness.is_held() => self.begin_again(),
            _ => {}
        }
    }

    /// The next moment at which something is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let life = match self.life {
            Life::Ending { until, .. } => Some(until),
            Life::Waiting { until } if !self.stillness.is_held() => Some(until),
            _ => None,
        };
        let slow = self.connections.values().filter(|connection| !connection.attach.is_some_and(|attach| attach.patient));
        let slow = slow.filter_map(|connection| connection.full_since).map(|since| since + Duration::from_secs(SLOW_CLIENT_SECONDS + 1));
        let checks = self.checks.due().filter(|_| !self.stillness.is_held());
        self.kill_at.into_iter().chain(life).chain(slow).chain(checks).chain(self.stillness.due()).min()
    }

    /// Starts the process by the plan on disk.
    pub(super) fn give_birth(&mut self) -> Result<Vec<String>, LaunchError> {
        let unreadable = || LaunchError { kind: LaunchErrorKind::Setup, message: "the container's plan cannot be read".to_owned() };
        let mut plan = read_plan(&self.config.run_root(), &self.config.id).ok_or_else(unreadable)?;
        self.score(&mut plan);
        let donors = donors::find(&mut plan, &self.config.run_root())?;
        let shape = if self.config.tty {
            Stdio::Pty { size: self.config.console_size.map(|(rows, cols)| WindowSize { rows, cols }) }
        } else {
            Stdio::Pipes { stdin: self.config.stdin != Stdin::Closed }
        };
        let child = launch::start(&plan, shape).inspect_err(|_error| cage::end(&plan))?;
        if let Err(error) = donors::verify(&donors) {
            cage::end(&plan);
            return Err(error);
        }
        let before = std::mem::take(&mut self.streams);
        self.streams = Streams::new(child.io).after(before);
        self.pidfd = Some(child.pidfd);
        self.born_at = Instant::now();
        self.life = Life::Running;
        self.state.status = Status::Running;
        self.state.pid = u32::try_from(child.pid).unwrap_or(0);
        self.state.pid_started = state::started_ticks(child.pid);
        let started_at = Time::now();
        self.state.started_at = Some(started_at);
        self.state.oom_killed = false;
        self.state.error = String::new();
        self.begin_checks();
        self.save_state();
        if let Err(error) = exit::begin(&self.config.root(), &self.config.id, started_at) {
            remark(&error.to_string());
        }
        self.birth_lock = None;
        self.emit("start", &[]);
        Ok(child.warnings)
    }

    /// The plan on disk, for a process beside the first one: it is killed for memory as readily as that.
    pub(super) fn plan(&self) -> Option<Plan> {
        let mut plan = read_plan(&self.config.run_root(), &self.config.id)?;
        self.score(&mut plan);
        Some(plan)
    }

    /// The container's own score for the kernel's choice, never the one of whoever started it. What nobody asked for by name is at least what may be had.
    fn score(&self, plan: &mut Plan) {
        let score = plan.process.oom_score_adj.get_or_insert(0);
        if *score == 0 {
            *score = self.oom_floor.unwrap_or(0).max(0);
        }
    }

    /// The first birth failed: there is nothing to restart.
    pub(super) fn never_born(&mut self, error: &LaunchError) {
        let exit = Exit { started_at: None, ..self.failed_exit(error) };
        self.record(&exit, false);
        self.last_exit = Some(exit);
        self.close_shop();
        self.tell(false);
    }

    fn failed_exit(&self, error: &LaunchError) -> Exit {
        let exit_code = if error.kind == LaunchErrorKind::Setup { SETUP_FAILED } else { error.kind.exit_code() };
        Exit {
            exit_code,
            oom_killed: false,
            error: error.message.clone(),
            started_at: self.state.started_at,
            finished_at: Time::now(),
            restart_count: self.restart.count(),
            pid: 0,
            stopped_by_hand: self.restart.stopped_by_hand(),
            health: self.state.health.clone(),
        }
    }

    /// Sends a signal to the first process; false when it is gone.
    pub(super) fn send_signal(&mut self, signal: i32) -> bool {
        let sent = self.pidfd.as_ref().is_some_and(|pidfd| process::pidfd_send_signal(borrow(pidfd), signal).is_ok());
        if signal == SIGKILL {
            self.stop_standing_still("it was killed");
        }
        if signal == SIGKILL && self.state.status == Status::Paused {
            // A frozen process of a v1 hierarchy dies only once it is thawed.
            crate::tolerate(self.freeze(false));
        }
        sent
    }

    /// A frozen container hears no signal: one that means its end lets it go on.
    pub(super) fn thaw_to_end(&mut self) {
        if self.state.status == Status::Paused && self.restart.stopped_by_hand() {
            crate::tolerate(self.freeze(false));
        }
    }

    /// Sends a signal that somebody asked for, which is an event.
    pub(super) fn kill(&mut self, signal: i32) -> bool {
        let sent = self.send_signal(signal);
        if sent {
            self.emit("kill", &[("signal", signal.to_string())]);
        }
        sent
    }

    /// Asks the container to end and sets the moment of insisting.
    pub(super) fn begin_stop(&mut self, signal: Option<i32>, timeout: Option<i64>) {
        match self.life {
            Life::Running => {
                if self.state.status == Status::Paused {
                    crate::tolerate(self.freeze(false));
                }
                self.kill(signal.or(self.config.stop_signal).unwrap_or(SIGTERM));
                let seconds = timeout.or(self.config.stop_timeout).unwrap_or(STOP_SECONDS);
                // A patience beyond all time is one without end.
                let end = u64::try_from(seconds).ok().and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
                if let Some(at) = end {
                    self.kill_at = Some(self.kill_at.map_or(at, |before| before.min(at)));
                }
            }
            Life::Waiting { .. } => self.end_for_good(),
            _ => {}
        }
    }

    /// The first process was reaped; what it wrote last is still in its pipes.
    pub(super) fn process_ended(&mut self, exit: process::Exit) {
        self.kill_at = None;
        self.end_checks();
        self.pidfd = None;
        self.life = Life::Ending { exit, until: Instant::now() + LAST_WORDS };
    }

    fn conclude_life(&mut self, ended: process::Exit) {
        for stream in [crate::log::Stream::Stdout, crate::log::Stream::Stderr] {
            self.stream_ended(stream);
        }
        self.streams = Streams::default();
        self.feeders.clear();
        let mut oom_killed = false;
        if let Some(plan) = read_plan(&self.config.run_root(), &self.config.id) {
            oom_killed = cage::oom_killed(&plan);
            cage::end(&plan);
        }
        let exit = Exit {
            exit_code: ended.status(),
            oom_killed,
            error: String::new(),
            started_at: self.state.started_at,
            finished_at: Time::now(),
            restart_count: self.restart.count(),
            pid: self.state.pid,
            stopped_by_hand: self.restart.stopped_by_hand(),
            health: self.state.health.clone(),
        };
        self.end_life(exit, self.born_at.elapsed());
    }

    /// A life is over: on disk first, then either the wait for the next one or the end, then everybody is told.
    fn end_life(&mut self, exit: Exit, lived: Duration) {
        let again = if self.shutting_down { None } else { self.restart.after(exit.exit_code, lived) };
        self.record(&exit, again.is_some());
        // Who hears of the end may look at once: then it must not find a container that runs.
        self.state.status = if again.is_some() { Status::Restarting } else { Status::Exited };
        self.save_state();
        self.emit_end(&exit);
        self.last_exit = Some(exit);
        match again {
            Some(wait) => {
                self.life = Life::Waiting { until: Instant::now() + wait };
            }
            None => self.close_shop(),
        }
        self.tell(again.is_some());
    }

    /// `exit.json` and the state. Skipped on disk only where nobody can ask: the container is removed by a client that waits for this end.
    fn record(&mut self, exit: &Exit, again: bool) {
        self.state.pid = 0;
        self.state.pid_started = None;
        self.state.exit_code = Some(exit.exit_code);
        self.state.finished_at = Some(exit.finished_at);
        self.state.oom_killed = exit.oom_killed;
        self.state.error.clone_from(&exit.error);
        self.state.restart_count = self.restart.count();
        let goes_away =
            self.config.auto_remove && !again && self.connections.values().any(|connection| connection.claimed && !connection.gone);
        if !goes_away && let Err(error) = exit::write(&self.config.root().exit(&self.config.id), exit) {
            remark(&error.to_string());
        }
    }

    fn begin_again(&mut self) {
        if let Err(error) = self.give_birth() {
            let exit = self.failed_exit(&error);
            self.end_life(exit, Duration::ZERO);
        }
    }

    /// A wait for the next life was cut short: the last end was the last one.
    pub(super) fn end_for_good(&mut self) {
        if let Some(exit) = &mut self.last_exit {
            exit.stopped_by_hand = self.restart.stopped_by_hand();
        }
        if let Some(exit) = self.last_exit.clone() {
            self.record(&exit, false);
        }
        self.close_shop();
        self.tell(false);
    }

    /// From here on the container does not run: whoever is told may start it again at once.
    fn close_shop(&mut self) {
        if std::mem::take(&mut self.stopping) {
            self.emit("stop", &[]);
        }
        self.life = Life::Over;
        self.state.status = Status::Exited;
        self.save_state();
        self.listener = None;
        // Whoever is told may give them to the next life at once.
        self.ports.clear();
        crate::tolerate(rustix::fs::unlink(self.config.run_root().monitor_socket(&self.config.id)));
        self.lock = None;
        self.lease = None;
        self.birth_lock = None;
    }

    /// Tells who waits or follows.
    fn tell(&mut self, restarting: bool) {
        let exited = Exited { exit: self.last_exit.clone(), restarting };
        for connection in self.connections.values_mut() {
            let waited = match connection.wait {
                Some(Condition::NextExit) => true,
                Some(Condition::NotRunning) => !restarting,
                None => false,
            };
            if waited {
                connection.wait = None;
            }
            if waited || connection.attach.take().is_some() {
                connection.send_json(Kind::Exited, &exited);
            }
        }
    }

    /// Whether the process can go.
    pub(super) fn is_finished(&mut self) -> bool {
        // Who holds it still wants to hear that it did so, also if it was about to end anyway. Not for longer than it may be held.
        if self.stillness.is_held() {
            return false;
        }
        match self.life {
            // Others may follow it already; only its creator starts it.
            Life::Prepared if !self.connections.contains_key(&CREATOR) || self.shutting_down => {
                self.close_shop();
                true
            }
            Life::Over => {
                let claimed = !self.cleaned && self.connections.values().any(|connection| connection.claimed);
                let sending = self.connections.values().any(super::connection::Connection::wants_write);
                if sending && !claimed && !self.cleaned {
                    // A client that does not read must not keep the container's mounts in place.
                    self.cleaned = true;
                    self.clean_up_beside();
                }
                !claimed && !sending
            }
            _ => false,
        }
    }

    fn clean_up_beside(&self) {
        if let Some((program, args)) = self.config.cleanup_argv.split_first()
            && let Err(error) = process::command(program).args(args).spawn()
        {
            remark(&format!("{program}: {error}"));
        }
    }

    /// The last act: become the clean-up command, unless somebody has done its work.
    pub(super) fn leave(self) -> i32 {
        if self.cleaned || self.config.cleanup_argv.is_empty() {
            return 0;
        }
        let Ok(args) = self.config.cleanup_argv.iter().map(|arg| CString::new(arg.as_str())).collect::<Result<Vec<_>, _>>() else {
            return 1;
        };
        stead_sys::signal::reset_for_exec();
        let program = args[0].clone();
        let error = process::execve(&program, &args, &[c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()]);
        remark(&format!("{}: {error}", program.to_string_lossy()));
        1
    }
}
