//! Exec sessions: processes beside the first one. Their streams belong to the client that asked; the monitor keeps copies, reads from them only once that
//! client has gone, and so keeps an abandoned process from being stopped by a full pipe or a broken one.

use std::os::fd::OwnedFd;

use rustix::termios::Winsize;
use stead_runtime::{ChildIo, ExecProcess, LaunchError, Plan, Stdio, WindowSize, exec};

use crate::protocol::{Exec, ExecExited, ExecReport, ExecStarted};
use crate::stdio::{self, Got};

/// Sessions that have ended are remembered, so that their exit code can be asked for: so many.
const ENDED_MAX: usize = 32;

#[derive(Debug)]
struct Session {
    id: String,
    pid: u32,
    exit_code: Option<i32>,
    process: ExecProcess,
    client: Option<u64>,
    /// Copies of our ends of stdout and stderr, or of the terminal.
    kept: Vec<OwnedFd>,
}

/// All sessions of a container.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    list: Vec<Session>,
    /// Streams nobody reads any more.
    drains: Vec<OwnedFd>,
}

impl Sessions {
    /// Starts one for a client and returns the descriptors it gets.
    pub(super) fn start(&mut self, plan: &Plan, init: i32, token: u64, exec: Exec) -> Result<(ExecStarted, Vec<OwnedFd>), LaunchError> {
        let size = exec.size.map(|(rows, cols)| WindowSize { rows, cols });
        let shape = if exec.process.tty { Stdio::Pty { size } } else { Stdio::Pipes { stdin: exec.stdin } };
        let child = exec::start(plan, init, &exec.process, shape)?;
        let (given, kept) = divide(child.io);
        let pid = u32::try_from(child.pid).unwrap_or(0);
        let mut session = Session { id: exec.id, pid, exit_code: None, process: exec.process, client: Some(token), kept };
        let given = if exec.detach {
            session.client = None;
            self.abandon(session.kept.drain(..));
            Vec::new()
        } else {
            given
        };
        self.list.push(session);
        Ok((ExecStarted { pid, descriptors: given.len(), warnings: child.warnings }, given))
    }

    /// A child has ended: whose session it was and what its client is told.
    pub(super) fn ended(&mut self, pid: u32, exit_code: i32) -> Option<(Option<u64>, ExecExited)> {
        let session = self.list.iter_mut().find(|session| session.pid == pid && session.exit_code.is_none())?;
        session.exit_code = Some(exit_code);
        session.pid = 0;
        let told = (session.client, ExecExited { id: session.id.clone(), exit_code });
        if session.client.is_none() {
            session.kept.clear();
        }
        let over: usize = self.list.iter().filter(|session| session.exit_code.is_some()).count();
        if over > ENDED_MAX
            && let Some(at) = self.list.iter().position(|session| session.exit_code.is_some() && session.client.is_none())
        {
            drop(self.list.remove(at));
        }
        Some(told)
    }

    /// A client has gone: what it would have read is read away from now on.
    pub(super) fn client_left(&mut self, token: u64) {
        let mut left = Vec::new();
        for session in self.list.iter_mut().filter(|session| session.client == Some(token)) {
            session.client = None;
            left.append(&mut session.kept);
        }
        self.abandon(left.into_iter());
    }

    fn abandon(&mut self, fds: impl Iterator<Item = OwnedFd>) {
        for fd in fds {
            stdio::set_nonblocking(&fd);
            self.drains.push(fd);
        }
    }

    pub(super) fn drains(&self) -> impl Iterator<Item = &OwnedFd> {
        self.drains.iter()
    }

    /// Reads abandoned streams away.
    pub(super) fn drain(&mut self, scratch: &mut [u8]) {
        self.drains.retain(|fd| stdio::read(fd, scratch) != Got::End);
    }

    /// Sets a session's terminal size.
    pub(super) fn resize(&self, id: &str, size: Winsize) {
        let session = self.list.iter().find(|session| session.id == id && session.process.tty);
        if let Some(master) = session.and_then(|session| session.kept.first()) {
            crate::tolerate(rustix::termios::tcsetwinsize(master, size));
        }
    }

    /// For `inspect`.
    pub(super) fn report(&self) -> Vec<ExecReport> {
        let report = |session: &Session| ExecReport {
            id: session.id.clone(),
            pid: session.pid,
            exit_code: session.exit_code,
            process: session.process.clone(),
        };
        self.list.iter().map(report).collect()
    }
}

/// What the client gets, and our copies. A copy that cannot be made is done without.
fn divide(io: ChildIo) -> (Vec<OwnedFd>, Vec<OwnedFd>) {
    let copy = |fds: &[OwnedFd]| fds.iter().filter_map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3).ok()).collect();
    match io {
        ChildIo::Pty(master) => {
            let given = vec![master];
            let kept = copy(&given);
            (given, kept)
        }
        ChildIo::Pipes { stdin, stdout, stderr } => {
            let outputs = [stdout, stderr];
            let kept = copy(&outputs);
            (stdin.into_iter().chain(outputs).collect(), kept)
        }
    }
}
