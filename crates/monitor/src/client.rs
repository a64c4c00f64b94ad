//! The other end of a monitor's socket: one request a method, plus the raw frames for whoever pumps streams.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stead_base::layout::RunRoot;

use crate::protocol::{self, Condition, Kind};
use crate::{Exit, RestartPolicy};

const SIGKILL: i32 = 9;

/// Why a request to a monitor failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No monitor lives: the container is not running.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// The monitor refused; its words.
    #[error("{}", .0.message)]
    Refused(protocol::Failed),
    /// The monitor ended in the middle of a conversation.
    #[error("the monitor of container {0} went away")]
    Gone(String),
    /// The other end does not speak our frames.
    #[error("the monitor of container {id} answered {what}")]
    Garbled {
        /// The container.
        id: String,
        /// What was wrong.
        what: &'static str,
    },
    /// The kernel refused a step.
    #[error(transparent)]
    System(#[from] stead_sys::Error),
}

impl Error {
    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> stead_base::Kind {
        match self {
            Self::NotRunning(_) => stead_base::Kind::NotRunning,
            Self::Refused(failed) => failed.kind(),
            Self::Gone(_) | Self::Garbled { .. } => stead_base::Kind::Unavailable,
            Self::System(_) => stead_base::Kind::Internal,
        }
    }

    /// 125, 126 or 127 when the error is a program that could not be started.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Refused(failed) => failed.exit_code,
            _ => None,
        }
    }
}

/// One frame as it came.
#[derive(Debug)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Raw bytes or JSON.
    pub payload: Vec<u8>,
}

/// The streams of an exec session, ours to read, write and close.
#[derive(Debug)]
pub enum ExecStreams {
    /// Detached.
    None,
    /// Pipes.
    Pipes {
        /// To its stdin, if open.
        stdin: Option<OwnedFd>,
        /// From its stdout.
        stdout: OwnedFd,
        /// From its stderr.
        stderr: OwnedFd,
    },
    /// The master of its terminal.
    Terminal(OwnedFd),
}

/// A connection to one monitor. Requests may be sent ahead; their answers are read in order.
#[derive(Debug)]
pub struct Client {
    id: String,
    socket: OwnedFd,
    inbox: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    /// Answers that were not waited for yet (`Config`, `Attach`).
    owed: VecDeque<Kind>,
    /// Stream frames and ends that came while an answer was waited for.
    early: VecDeque<Frame>,
}

impl Client {
    /// Connects to the monitor of a container.
    ///
    /// # Errors
    /// [`Error::NotRunning`] when there is none.
    pub fn connect(run_root: &RunRoot, id: &str) -> Result<Self, Error> {
        let path = run_root.monitor_socket(id);
        let failed = |op, errno: rustix::io::Errno| stead_sys::Error::new(op, &path, errno);
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(|errno| failed("socket", errno))?;
        let connected = crate::address::with_short_path(&path, |short| {
            let address = SocketAddrUnix::new(short)?;
            rustix::net::connect(&socket, &address)
        });
        match connected {
            Ok(()) => Ok(Self::over(id, socket)),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => Err(Error::NotRunning(id.to_owned())),
            Err(errno) => Err(failed("connect", errno).into()),
        }
    }

    /// Speaks over a connected socket.
    pub(crate) fn over(id: &str, socket: OwnedFd) -> Self {
        Self { id: id.to_owned(), socket, inbox: Vec::new(), descriptors: VecDeque::new(), owed: VecDeque::new(), early: VecDeque::new() }
    }

    /// The container's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Follows the container's streams. Does not wait: the answer is read by the next request or by [`Self::attached`].
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn attach(&mut self, attach: protocol::Attach) -> Result<(), Error> {
        self.send_json(Kind::Attach, &attach)?;
        self.owed.push_back(Kind::Attached);
        Ok(())
    }

    /// Waits for the answer to [`Self::attach`].
    ///
    /// # Errors
    /// The monitor's refusal.
    pub fn attached(&mut self) -> Result<protocol::Attached, Error> {
        let mut answer = protocol::Attached::default();
        while let Some(kind) = self.owed.pop_front() {
            let frame = self.answer(kind)?;
            if kind == Kind::Attached {
                answer = self.decode(&frame)?;
            }
        }
        Ok(answer)
    }

    /// Gives birth to the container's process and returns once its program runs.
    ///
    /// # Errors
    /// [`Error::Refused`] with Docker's words and [`Error::exit_code`] 125, 126 or 127; also what earlier requests were refused for.
    pub fn start(&mut self) -> Result<protocol::Started, Error> {
        self.send(Kind::Start, &[])?;
        self.request_answer(Kind::Started)
    }

    /// Says that this client does the clean-up (`--rm`, unmounting) as long as it is connected when the container ends.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn claim_cleanup(&mut self) -> Result<(), Error> {
        self.send(Kind::ClaimCleanup, &[])
    }

    /// Says that the claimed clean-up is done. A monitor that has gone meanwhile is no error: it has nothing left to do.
    pub fn cleanup_done(&mut self) {
        crate::tolerate(self.send(Kind::CleanupDone, &[]));
    }

    /// Sends a signal to the container's first process.
    ///
    /// # Errors
    /// [`stead_base::Kind::NotRunning`] when there is no process.
    pub fn signal(&mut self, signal: i32) -> Result<(), Error> {
        self.send_json(Kind::Signal, &protocol::Signal { signal })?;
        self.request(Kind::Done).map(drop)
    }

    /// Forwards a signal without waiting for an answer, which [`Self::next_frame`] will bring.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn forward_signal(&mut self, signal: i32) -> Result<(), Error> {
        self.send_json(Kind::Signal, &protocol::Signal { signal })
    }

    /// Stops the container for good and returns how it ended.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn stop(&mut self, signal: Option<i32>, timeout: Option<i64>) -> Result<Option<Exit>, Error> {
        self.send_json(Kind::Stop, &protocol::Stop { signal, timeout, silent: false })?;
        Ok(self.request_answer::<protocol::Exited>(Kind::Exited)?.exit)
    }

    /// Kills the container for good, on the way to its removal.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn end(&mut self) -> Result<Option<Exit>, Error> {
        self.send_json(Kind::Stop, &protocol::Stop { signal: Some(SIGKILL), timeout: Some(-1), silent: true })?;
        Ok(self.request_answer::<protocol::Exited>(Kind::Exited)?.exit)
    }

    /// Waits for an end. `None` when the container was prepared and never born.
    ///
    /// # Errors
    /// When the monitor goes without a word: see [`crate::settle`].
    pub fn wait(&mut self, condition: Condition) -> Result<Option<Exit>, Error> {
        self.send_json(Kind::Wait, &protocol::Wait { condition })?;
        Ok(self.request_answer::<protocol::Exited>(Kind::Exited)?.exit)
    }

    /// Asks to be told of an end, which [`Self::next_frame`] will bring ([`Kind::Exited`]).
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn begin_wait(&mut self, condition: Condition) -> Result<(), Error> {
        self.send_json(Kind::Wait, &protocol::Wait { condition })
    }

    /// Sets the size of the container's terminal.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn resize(&mut self, rows: u16, cols: u16) -> Result<(), Error> {
        self.send_json(Kind::Resize, &protocol::Resize { rows, cols })
    }

    /// Freezes the container.
    ///
    /// # Errors
    /// The monitor's refusal.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.send(Kind::Pause, &[])?;
        self.request(Kind::Done).map(drop)
    }

    /// Freezes the container for as long as this connection lives, or until somebody thaws it.
    ///
    /// # Errors
    /// The monitor's refusal.
    pub fn hold_still(&mut self) -> Result<(), Error> {
        self.send(Kind::Pause, protocol::WHILE_CONNECTED)?;
        self.request(Kind::Done).map(drop)
    }

    /// Asks that the container stand still for as long as this connection lives, at most `limit`. Does not wait, so that several are asked at
    /// once: [`Self::held`] does.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn begin_hold(&mut self, limit: std::time::Duration) -> Result<(), Error> {
        self.send_json(Kind::Hold, &protocol::Hold { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Waits until nothing of the container moves any more.
    ///
    /// # Errors
    /// The monitor's refusal; [`Error::Gone`] also from a monitor of a version that does not know how.
    pub fn held(&mut self) -> Result<(), Error> {
        self.request(Kind::Done).map(drop)
    }

    /// Lets the container go on. Does not wait: [`Self::released`] does.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn begin_release(&mut self) -> Result<(), Error> {
        self.send(Kind::Release, &[])
    }

    /// Learns whether the container stood still all the while.
    ///
    /// # Errors
    /// [`Error::Refused`] when it did not: its time was up, or it was killed.
    pub fn released(&mut self) -> Result<(), Error> {
        self.request(Kind::Done).map(drop)
    }

    /// Thaws the container.
    ///
    /// # Errors
    /// The monitor's refusal.
    pub fn unpause(&mut self) -> Result<(), Error> {
        self.send(Kind::Unpause, &[])?;
        self.request(Kind::Done).map(drop)
    }

    /// Replaces the restart policy.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn set_restart(&mut self, policy: RestartPolicy) -> Result<(), Error> {
        self.send_json(Kind::SetRestart, &policy)?;
        self.request(Kind::Done).map(drop)
    }

    /// Replaces what events tell about the container, for one that was renamed.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn set_attributes(&mut self, attributes: &BTreeMap<String, String>) -> Result<(), Error> {
        self.send_json(Kind::SetAttributes, attributes)?;
        self.request(Kind::Done).map(drop)
    }

    /// State and exec sessions.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn status(&mut self) -> Result<protocol::Report, Error> {
        self.send(Kind::Status, &[])?;
        self.request_answer(Kind::StatusIs)
    }

    /// Starts one more process and takes its streams.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Error::exit_code`] 126 or 127 when its program cannot be started.
    pub fn exec(&mut self, exec: &protocol::Exec) -> Result<(protocol::ExecStarted, ExecStreams), Error> {
        self.send_json(Kind::Exec, exec)?;
        let started: protocol::ExecStarted = self.request_answer(Kind::ExecStarted)?;
        let mut take = || self.descriptors.pop_front().ok_or_else(|| self.garbled("an exec without its descriptors"));
        let streams = match (started.descriptors, exec.process.tty) {
            (0, _) => ExecStreams::None,
            (1, true) => ExecStreams::Terminal(take()?),
            (count, false) => {
                let stdin = if count == 3 { Some(take()?) } else { None };
                ExecStreams::Pipes { stdin, stdout: take()?, stderr: take()? }
            }
            _ => return Err(self.garbled("an exec with too many descriptors")),
        };
        Ok((started, streams))
    }

    /// Waits for the end of the exec session started on this connection; its exit code.
    ///
    /// # Errors
    /// When the monitor goes first.
    pub fn exec_wait(&mut self) -> Result<i32, Error> {
        Ok(self.request_answer::<protocol::ExecExited>(Kind::ExecExited)?.exit_code)
    }

    /// Sets the size of an exec session's terminal from another connection; who holds the master uses it directly.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn exec_resize(&mut self, id: &str, rows: u16, cols: u16) -> Result<(), Error> {
        self.send_json(Kind::ExecResize, &protocol::ExecResize { id: id.to_owned(), rows, cols })
    }

    /// Sends stdin; at most [`protocol::DATA_MAX`] bytes at a time and never more than the credit.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn send_stdin(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.send(Kind::Stdin, bytes)
    }

    /// Ends stdin.
    ///
    /// # Errors
    /// When the monitor is gone.
    pub fn close_stdin(&mut self) -> Result<(), Error> {
        self.send(Kind::StdinClose, &[])
    }

    /// The next frame of any kind, `None` when the monitor has closed the connection. Blocks.
    ///
    /// # Errors
    /// A garbled or failing connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        match self.early.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.receive(),
        }
    }

    /// Whether [`Self::next_frame`] would return a frame that is here already, without a wait.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        !self.early.is_empty() || self.whole_frame().is_some_and(|frame| frame.is_ok())
    }

    fn garbled(&self, what: &'static str) -> Error {
        Error::Garbled { id: self.id.clone(), what }
    }

    fn decode<T: DeserializeOwned>(&self, frame: &Frame) -> Result<T, Error> {
        serde_json::from_slice(&frame.payload).map_err(|_json| self.garbled("a payload that cannot be read"))
    }

    fn send_json<T: Serialize>(&self, kind: Kind, value: &T) -> Result<(), Error> {
        self.send_all(&protocol::json(kind, value))
    }

    pub(crate) fn send(&self, kind: Kind, payload: &[u8]) -> Result<(), Error> {
        self.send_all(&protocol::frame(kind, payload))
    }

    /// Notes that an answer will come to a frame that was sent by other means.
    pub(crate) fn owe(&mut self, kind: Kind) {
        self.owed.push_back(kind);
    }

    pub(crate) fn send_all(&self, bytes: &[u8]) -> Result<(), Error> {
        self.send_all_with(bytes, &[])
    }

    /// Descriptors, at most two, go with the first byte.
    pub(crate) fn send_all_with(&self, mut bytes: &[u8], mut descriptors: &[BorrowedFd<'_>]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let mut space = [MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() {
                let _there_is_room = control.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            match rustix::net::sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    descriptors = &[];
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => return Err(Error::Gone(self.id.clone())),
                Err(errno) => return Err(stead_sys::Error::new("send", "monitor", errno).into()),
            }
        }
        Ok(())
    }

    fn request_answer<T: DeserializeOwned>(&mut self, kind: Kind) -> Result<T, Error> {
        let frame = self.request(kind)?;
        self.decode(&frame)
    }

    /// Reads the answers that are owed and then the one to the latest request.
    fn request(&mut self, kind: Kind) -> Result<Frame, Error> {
        while let Some(owed) = self.owed.pop_front() {
            self.answer(owed)?;
        }
        self.answer(kind)
    }

    /// Reads up to an answer of this kind; streams that come before it are kept.
    fn answer(&mut self, kind: Kind) -> Result<Frame, Error> {
        if let Some(at) = self.early.iter().position(|frame| frame.kind == kind)
            && let Some(frame) = self.early.remove(at)
        {
            return Ok(frame);
        }
        loop {
            let Some(frame) = self.receive()? else {
                return Err(Error::Gone(self.id.clone()));
            };
            match frame.kind {
                Kind::Failed => return Err(Error::Refused(self.decode(&frame)?)),
                got if got == kind => return Ok(frame),
                _ => self.early.push_back(frame),
            }
        }
    }

    /// Length of the first whole frame in the inbox, an error for a header of no frame of ours.
    fn whole_frame(&self) -> Option<Result<(Kind, usize), Error>> {
        let header: [u8; protocol::HEADER] = self.inbox.get(..protocol::HEADER)?.try_into().ok()?;
        match protocol::parse_header(header) {
            None => Some(Err(self.garbled("a frame of no known kind"))),
            Some((kind, length)) => {
                let end = protocol::HEADER + length;
                (self.inbox.len() >= end).then_some(Ok((kind, end)))
            }
        }
    }

    fn receive(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(found) = self.whole_frame() {
                let (kind, end) = found?;
                let payload = self.inbox[protocol::HEADER..end].to_vec();
                drop(self.inbox.drain(..end));
                return Ok(Some(Frame { kind, payload }));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> Result<usize, Error> {
        let mut space = [MaybeUninit::<u8>::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut buffer = [0u8; protocol::DATA_MAX + protocol::HEADER];
        let received = loop {
            match rustix::net::recvmsg(&self.socket, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CONNRESET) => return Ok(0),
                Err(errno) => return Err(stead_sys::Error::new("receive", "monitor", io::Error::from(errno)).into()),
                Ok(message) => break message,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.inbox.extend_from_slice(&buffer[..received.bytes]);
        Ok(received.bytes)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
