//! One probe of a health check, run by a child of the monitor: whatever the container's files or the kernel make it wait for, the monitor does not.
//!
//! The child (a copy of the monitor) starts the probe in the container, gathers its output, waits for its end and writes two lines of JSON into a
//! pipe: [`Begun`] and [`Ended`]. It dies with the monitor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::PipeFlags;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use stead_runtime::{ChildIo, ExecProcess, Plan, Stdio, exec};
use stead_sys::process::{self, NamespaceFlags};

use crate::health::OUTPUT_MAX;
use crate::stdio::{self, Got};

const SIGKILL: i32 = 9;
/// The longest the two lines can be: control characters take six bytes each in JSON.
const HEARD_MAX: usize = 16 * OUTPUT_MAX;
/// Docker's exit code of a probe that could not be run or took too long.
pub(crate) const FAILED: i32 = -1;

/// The probe's program runs.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    pid: i32,
}

/// How the probe ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// [`FAILED`] when it was never born.
    pub(crate) exit_code: i32,
    /// The beginning of what it wrote, or why it was not born.
    pub(crate) output: String,
}

/// A probe that is under way.
#[derive(Debug)]
pub(crate) struct Probe {
    child: process::Spawned,
    pipe: OwnedFd,
    heard: Vec<u8>,
}

impl Probe {
    /// Starts one beside the container's first process `init`. Call it while the monitor has no other thread.
    pub(crate) fn begin(plan: &Plan, init: i32, args: &[String]) -> stead_sys::Result<Self> {
        let failed = |errno| stead_sys::Error::new("pipe", "health check", errno);
        let (pipe, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        stdio::set_nonblocking(&pipe);
        let request = ExecProcess { args: args.to_vec(), ..ExecProcess::default() };
        let child = process::spawn(NamespaceFlags::empty(), None, || run(plan, init, &request, writer.as_fd()))?;
        Ok(Self { child, pipe, heard: Vec::new() })
    }

    /// Readable when there is news.
    pub(crate) fn pipe(&self) -> &OwnedFd {
        &self.pipe
    }

    /// Reads the news; how it ended, if it has.
    pub(crate) fn hear(&mut self, scratch: &mut [u8]) -> Option<Ended> {
        loop {
            match stdio::read(&self.pipe, scratch) {
                Got::Nothing => return None,
                Got::Bytes(count) if self.heard.len() + count <= HEARD_MAX => self.heard.extend_from_slice(&scratch[..count]),
                Got::Bytes(_) | Got::End => break,
            }
        }
        let last = self.lines().last().and_then(|line| serde_json::from_slice(line).ok());
        Some(last.unwrap_or_else(|| Ended { exit_code: FAILED, output: "the health check ended without a word".to_owned() }))
    }

    /// What it wrote so far is lost; the program and its process group are killed.
    pub(crate) fn kill(mut self, scratch: &mut [u8]) {
        crate::tolerate(process::pidfd_send_signal(self.child.pidfd.as_fd(), SIGKILL));
        crate::tolerate(process::wait(self.child.pidfd.as_fd()));
        while let Got::Bytes(count) = stdio::read(&self.pipe, scratch) {
            if self.heard.len() + count <= HEARD_MAX {
                self.heard.extend_from_slice(&scratch[..count]);
            }
        }
        let ended = self.lines().last().is_some_and(|line| serde_json::from_slice::<Ended>(line).is_ok());
        let begun = self.lines().next().and_then(|line| serde_json::from_slice::<Begun>(line).ok());
        // The probe is our own child now that its parent is gone: nobody but us reaps it, so its number is still its own.
        if let (false, Some(group)) = (ended, begun.and_then(|begun| Pid::from_raw(begun.pid))) {
            crate::tolerate(rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        }
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.heard.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }
}

/// The child's whole life.
fn run(plan: &Plan, init: i32, request: &ExecProcess, pipe: BorrowedFd<'_>) -> i32 {
    if process::die_with_parent().is_err() || rustix::stdio::dup2_stdout(pipe).is_err() {
        return 1;
    }
    // Nothing of the monitor's stays open here: its lock and its connections end with it alone.
    if process::close_from(u32::from(crate::spawn::PROGRAM_FD) + 1).is_err() {
        return 1;
    }
    process::set_name(c"stead-probe");
    let ended = match exec::start(plan, init, request, Stdio::Pipes { stdin: false }) {
        Ok(child) => {
            say(&Begun { pid: child.pid });
            let output = gather(child.io, &child.pidfd);
            let exit_code = process::wait(child.pidfd.as_fd()).map_or(FAILED, process::Exit::status);
            Ended { exit_code, output }
        }
        Err(error) => Ended { exit_code: FAILED, output: error.message },
    };
    say(&ended);
    0
}

fn say<T: Serialize>(value: &T) {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    let mut sent = 0;
    while sent < bytes.len() {
        match rustix::io::write(rustix::stdio::stdout(), &bytes[sent..]) {
            Ok(count) => sent += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Reads both streams until the program has ended; what others still write to them does not count.
fn gather(io: ChildIo, pidfd: &OwnedFd) -> String {
    let mut streams = match io {
        ChildIo::Pipes { stdout, stderr, .. } => vec![stdout, stderr],
        ChildIo::Pty(master) => vec![master],
    };
    streams.iter().for_each(stdio::set_nonblocking);
    let mut output = Output::default();
    let mut scratch = vec![0; 4096];
    loop {
        let mut fds: Vec<PollFd<'_>> = streams.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        fds.push(PollFd::new(pidfd, PollFlags::IN));
        let polled = poll(&mut fds, None);
        let over = fds.last().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if polled.is_err_and(|errno| errno != rustix::io::Errno::INTR) {
            return output.text();
        }
        streams.retain(|fd| {
            loop {
                match stdio::read(fd, &mut scratch) {
                    Got::Bytes(count) => output.add(&scratch[..count]),
                    Got::Nothing => break true,
                    Got::End => break false,
                }
                if output.cut {
                    // Enough is known; the rest is read away in the next turns.
                    break true;
                }
            }
        });
        if over {
            return output.text();
        }
    }
}

/// The beginning of what a probe writes.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    cut: bool,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        let room = OUTPUT_MAX - self.bytes.len();
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn text(self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.cut { format!("{text}...") } else { text.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_where_docker_cuts_it() {
        let mut output = Output::default();
        output.add(&[b'x'; 4000]);
        output.add(&[b'y'; 96]);
        assert!(!output.cut);
        output.add(b"z");
        let text = output.text();
        assert_eq!(text.len(), OUTPUT_MAX + 3);
        assert!(text.ends_with("yy..."));
    }
}
