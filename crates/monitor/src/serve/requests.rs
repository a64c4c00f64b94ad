//! What each frame of a client does.

use std::os::fd::OwnedFd;

use rustix::termios::Winsize;
use serde::de::DeserializeOwned;
use stead_base::Kind as Failure;

use super::connection::Connection;
use super::events::exec_action;
use super::life::Life;
use super::turn::Server;
use super::{read_plan, remark};
use crate::cage;
use crate::client::Frame;
use crate::protocol::{self, Attached, Condition, Exited, Failed, Kind, Report};
use crate::state::Status;

const SIGKILL: i32 = 9;

impl Server {
    /// Reads what a client has sent and does it.
    pub(super) fn hear(&mut self, token: u64) {
        if let Some(connection) = self.connections.get_mut(&token) {
            connection.read(&mut self.scratch);
        }
        // One at a time: a request may end everything.
        while let Some((kind, payload)) = self.connections.get_mut(&token).and_then(Connection::take_frame) {
            let frame = Frame { kind, payload };
            if self.obey(token, &frame).is_none()
                && let Some(connection) = self.connections.get_mut(&token)
            {
                connection.gone = true;
            }
        }
    }

    /// `None` for a frame that a client of ours does not send.
    pub(super) fn obey(&mut self, token: u64, frame: &Frame) -> Option<()> {
        if self.stillness.is_held() && matches!(frame.kind, Kind::Start | Kind::Exec) {
            self.stillness.put_off(token, frame);
            return Some(());
        }
        match frame.kind {
            Kind::Attach => self.attach(token, decode(frame)?),
            Kind::Start => self.start(token),
            Kind::Stdin => self.take_stdin(token, &frame.payload)?,
            Kind::StdinClose => self.close_stdin(token),
            Kind::Resize => self.resize(decode(frame)?),
            Kind::Signal => self.signal(token, decode::<protocol::Signal>(frame)?.signal),
            Kind::Stop => self.stop(token, decode(frame)?),
            Kind::Wait => self.wait_for(token, decode::<protocol::Wait>(frame)?.condition),
            Kind::Exec => self.exec(token, decode(frame)?),
            Kind::ExecResize => {
                let resize: protocol::ExecResize = decode(frame)?;
                self.sessions.resize(&resize.id, winsize(resize.rows, resize.cols));
            }
            Kind::Status => {
                let report = Report { state: self.state.clone(), execs: self.sessions.report() };
                self.answer(token, |connection| connection.send_json(Kind::StatusIs, &report));
            }
            Kind::ClaimCleanup => self.answer(token, |connection| connection.claimed = true),
            Kind::CleanupDone => self.cleaned = true,
            Kind::Pause => {
                let ran = self.state.status == Status::Running;
                self.pause(token, true);
                let held = ran && frame.payload == protocol::WHILE_CONNECTED && self.state.status == Status::Paused;
                self.answer(token, |connection| connection.holds_still = held);
            }
            Kind::Unpause => self.pause(token, false),
            Kind::Hold => self.hold(token, decode(frame)?),
            Kind::Release => self.release(token),
            Kind::SetRestart => {
                self.restart.set_policy(decode(frame)?);
                self.answer(token, Connection::done);
            }
            Kind::SetAttributes => {
                self.config.attributes = decode(frame)?;
                self.answer(token, Connection::done);
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn answer(&mut self, token: u64, act: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connections.get_mut(&token) {
            act(connection);
        }
    }

    fn refuse(&mut self, token: u64, kind: Failure, message: String) {
        self.answer(token, |connection| connection.refuse(kind, message));
    }

    fn not_running(&mut self, token: u64) {
        let message = format!("container {} is not running", self.config.id);
        self.refuse(token, Failure::NotRunning, message);
    }

    fn attach(&mut self, token: u64, attach: protocol::Attach) {
        if matches!(self.life, Life::Over) {
            return self.not_running(token);
        }
        self.emit("attach", &[]);
        let (log_inode, log_offset) = self.log.as_ref().map_or((0, 0), crate::log::rotate::Writer::position);
        let attached = Attached { log_inode, log_offset, tty: self.config.tty };
        self.answer(token, |connection| {
            connection.attach = Some(attach);
            connection.send_json(Kind::Attached, &attached);
        });
    }

    fn start(&mut self, token: u64) {
        if !matches!(self.life, Life::Prepared) {
            let message = format!("container {} is already running", self.config.id);
            return self.refuse(token, Failure::Conflict, message);
        }
        match self.give_birth() {
            Ok(warnings) => {
                let started = protocol::Started { pid: self.state.pid, warnings };
                self.answer(token, |connection| connection.send_json(Kind::Started, &started));
            }
            Err(error) => {
                let failed = Failed { exit_code: Some(error.kind.exit_code()), ..Failed::new(error.kind(), &*error.message) };
                self.never_born(&error);
                self.answer(token, |connection| connection.send_json(Kind::Failed, &failed));
            }
        }
    }

    fn take_stdin(&mut self, token: u64, bytes: &[u8]) -> Option<()> {
        let waiting: usize = self.feeders.iter().filter(|(feeder, _)| *feeder == token).map(|(_, bytes)| bytes).sum();
        let connection = self.connections.get(&token)?;
        // Who sends more than was granted, or what was not announced, is no client of ours.
        if waiting + bytes.len() > protocol::STDIN_CREDIT || connection.stdin_closed || !connection.attach?.stdin {
            return None;
        }
        self.feed(token, bytes);
        Some(())
    }

    fn close_stdin(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if connection.attach.is_some_and(|attach| attach.stdin) && !connection.stdin_closed {
            connection.stdin_closed = true;
            self.client_stdin_ended();
        }
    }

    fn resize(&mut self, size: protocol::Resize) {
        self.config.console_size = Some((size.rows, size.cols));
        self.emit("resize", &[("height", size.rows.to_string()), ("width", size.cols.to_string())]);
        if let Some(master) = self.streams.terminal() {
            crate::tolerate(rustix::termios::tcsetwinsize(master, winsize(size.rows, size.cols)));
        }
    }

    fn signal(&mut self, token: u64, signal: i32) {
        // Docker's rule: with a stop signal of its own, only that one (and SIGKILL) means the end; without, any signal does.
        if signal == SIGKILL || self.config.stop_signal.is_none_or(|stop| stop == signal) {
            self.restart.stop_by_hand();
        }
        match self.life {
            Life::Running => {
                if self.kill(signal) {
                    self.thaw_to_end();
                    self.answer(token, Connection::done);
                } else {
                    self.not_running(token);
                }
            }
            Life::Ending { .. } => self.answer(token, Connection::done),
            Life::Waiting { .. } if self.restart.stopped_by_hand() => {
                self.end_for_good();
                self.answer(token, Connection::done);
            }
            _ => self.not_running(token),
        }
    }

    fn stop(&mut self, token: u64, stop: protocol::Stop) {
        self.restart.stop_by_hand();
        self.stopping = !stop.silent && matches!(self.life, Life::Running | Life::Ending { .. } | Life::Waiting { .. });
        self.wait_for(token, Condition::NotRunning);
        self.begin_stop(stop.signal, stop.timeout);
    }

    fn wait_for(&mut self, token: u64, condition: Condition) {
        let over = matches!(self.life, Life::Over) || (matches!(self.life, Life::Prepared) && condition == Condition::NotRunning);
        if over {
            let exited = Exited { exit: self.last_exit.clone(), restarting: false };
            self.answer(token, |connection| connection.send_json(Kind::Exited, &exited));
        } else {
            self.answer(token, |connection| connection.wait = Some(condition));
        }
    }

    fn exec(&mut self, token: u64, exec: protocol::Exec) {
        if !matches!(self.life, Life::Running) {
            return self.not_running(token);
        }
        if self.state.status == Status::Paused {
            let message = format!("container {} is paused, unpause the container before exec", self.config.id);
            return self.refuse(token, Failure::Conflict, message);
        }
        let Some(plan) = self.plan() else {
            return self.refuse(token, Failure::Internal, "the container's plan cannot be read".to_owned());
        };
        let init = i32::try_from(self.state.pid).unwrap_or(0);
        self.emit(&exec_action("exec_start", &exec.process.args), &[("execID", exec.id.clone())]);
        match self.sessions.start(&plan, init, token, exec) {
            Ok((started, descriptors)) => self.exec_started(token, &started, descriptors),
            Err(error) => {
                let failed = Failed { exit_code: Some(error.kind.exit_code()), ..Failed::new(error.kind(), &*error.message) };
                self.answer(token, |connection| connection.send_json(Kind::Failed, &failed));
            }
        }
    }

    fn exec_started(&mut self, token: u64, started: &protocol::ExecStarted, descriptors: Vec<OwnedFd>) {
        self.answer(token, |connection| connection.send_json_with(Kind::ExecStarted, started, descriptors));
    }

    fn pause(&mut self, token: u64, yes: bool) {
        let id = &self.config.id;
        let refusal = match (self.state.status, yes) {
            (Status::Running, true) | (Status::Paused, false) => None,
            (Status::Paused, true) => Some((Failure::Conflict, format!("Container {id} is already paused"))),
            // Docker has no kind for this one either.
            (Status::Running, false) => Some((Failure::Internal, format!("Container {id} is not paused"))),
            (Status::Restarting, _) => {
                Some((Failure::Conflict, format!("Container {id} is restarting, wait until the container is running")))
            }
            _ => Some((Failure::NotRunning, format!("container {id} is not running"))),
        };
        if let Some((kind, message)) = refusal {
            return self.refuse(token, kind, message);
        }
        match self.freeze(yes) {
            Ok(()) => {
                self.emit(if yes { "pause" } else { "unpause" }, &[]);
                self.answer(token, Connection::done);
            }
            Err(error) => {
                let message = format!("cannot {}pause container {}: {error}", if yes { "" } else { "un" }, self.config.id);
                self.refuse(token, Failure::Unsupported, message);
            }
        }
    }

    pub(super) fn freeze(&mut self, yes: bool) -> std::io::Result<()> {
        let plan = read_plan(&self.config.run_root(), &self.config.id).ok_or(std::io::ErrorKind::NotFound)?;
        if yes || !self.stillness.is_held() {
            cage::freeze(&plan, yes)?;
        }
        self.state.status = if yes { Status::Paused } else { Status::Running };
        // Whoever freezes it again does so for himself.
        self.connections.values_mut().for_each(|connection| connection.holds_still = false);
        if yes {
            self.end_checks();
        } else {
            self.resume_checks();
        }
        self.save_state();
        Ok(())
    }

    /// Writes `state.json`. A run directory that cannot be written is remarked on and lived with: the lock still tells that the container is alive.
    pub(super) fn save_state(&self) {
        let path = self.config.run_root().state(&self.config.id);
        let bytes = serde_json::to_vec(&self.state).unwrap_or_default();
        if let Err(error) = stead_sys::durable::replace_unflushed(&path, &bytes, 0o644) {
            remark(&error.to_string());
        }
    }
}

fn decode<T: DeserializeOwned>(frame: &Frame) -> Option<T> {
    serde_json::from_slice(&frame.payload).ok()
}

fn winsize(rows: u16, cols: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}
