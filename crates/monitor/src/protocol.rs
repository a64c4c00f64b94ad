//! The frames between a monitor and its clients: eight bytes of header, then raw bytes (streams) or JSON (everything else).
//!
//! Both ends are always the same binary or a neighbour version of it, on one machine; unknown kinds end the connection.

use serde::{Deserialize, Serialize};
use stead_base::Kind as Failure;
use stead_runtime::ExecProcess;

use crate::state::State;

/// Bytes of header: kind, three reserved, length (little endian).
pub const HEADER: usize = 8;
/// The longest JSON payload; a `MonitorConfig` or an `Exec` with a full environment fits (ARG_MAX is 2 MiB, one string 128 KiB).
pub const JSON_MAX: usize = 4 << 20;
/// The longest stream payload: what one read from a container brings.
pub const DATA_MAX: usize = 16 << 10;
/// Bytes of stdin a client may send before the monitor has granted more.
pub const STDIN_CREDIT: usize = 32 << 10;

/// Payload of a `Pause` that ends with its connection: a client that is killed leaves no container frozen.
pub const WHILE_CONNECTED: &[u8] = b"while-connected";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// What a frame is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $value,)*
        }

        impl Kind {
            /// The kind of this number, if there is one.
            #[must_use]
            pub fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// The first frame of the creator: `MonitorConfig`. Answer: `Done`.
    Config = 1,
    /// Follow the streams: [`Attach`]. Answer: `Attached`.
    Attach = 2,
    /// Give birth. Answer: `Started`.
    Start = 3,
    /// Raw bytes for the container's stdin, within the credit.
    Stdin = 4,
    /// No more stdin from this client.
    StdinClose = 5,
    /// Terminal size: [`Resize`]. No answer.
    Resize = 6,
    /// [`Signal`]. Answer: `Done`.
    Signal = 7,
    /// [`Stop`]. Answer: `Exited` when it has ended for good.
    Stop = 8,
    /// [`Wait`]. Answer: `Exited`.
    Wait = 9,
    /// [`Exec`]. Answer: `ExecStarted` with descriptors, later `ExecExited`.
    Exec = 10,
    /// [`ExecResize`]. No answer.
    ExecResize = 11,
    /// Answer: `Status`.
    Status = 12,
    /// This client does the clean-up if it is still there at the end. No answer.
    ClaimCleanup = 13,
    /// The claimed clean-up is done (or started in a way that survives). No answer.
    CleanupDone = 14,
    /// Freeze; with [`WHILE_CONNECTED`] as its payload only until the client leaves. Answer: `Done`.
    Pause = 15,
    /// Thaw. Answer: `Done`.
    Unpause = 16,
    /// A new restart policy (`update --restart`). Answer: `Done`.
    SetRestart = 17,
    /// New attributes for events (a new name). Answer: `Done`.
    SetAttributes = 18,
    /// Stand still until [`Kind::Release`], until the client leaves or until its time is up: [`Hold`]. Answer: `Done` once nothing moves.
    Hold = 19,
    /// Go on. Answer: `Done`; `Failed` when it did not stand still all the while.
    Release = 20,

    /// The request was carried out.
    Done = 64,
    /// The request failed: [`Failed`].
    Failed = 65,
    /// [`Attached`].
    Attached = 66,
    /// [`Started`].
    Started = 67,
    /// Raw bytes the container wrote to stdout (or its terminal).
    Stdout = 68,
    /// Raw bytes the container wrote to stderr.
    Stderr = 69,
    /// This many more bytes of stdin may be sent: [`Credit`].
    Credit = 70,
    /// [`Exited`]. For an attached client: the last frame, after the last byte of output.
    Exited = 71,
    /// [`ExecStarted`], with the descriptors of its streams.
    ExecStarted = 72,
    /// [`ExecExited`].
    ExecExited = 73,
    /// [`Report`].
    StatusIs = 74,
}

/// Which streams a client follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the three streams are independent, as in Docker's attach")]
pub struct Attach {
    /// Will send stdin.
    pub stdin: bool,
    /// Wants stdout.
    pub stdout: bool,
    /// Wants stderr.
    pub stderr: bool,
    /// Holds the container back while it does not read (a foreground `run`, as a pipe would). Others are dropped after [`SLOW_CLIENT_SECONDS`].
    pub patient: bool,
}

/// How long an attached client that is not patient may leave its buffer full before it is dropped.
pub const SLOW_CLIENT_SECONDS: u64 = 30;

/// Where the log stood when the client was attached: what comes after on the connection is not in the log before this point, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attached {
    /// Inode of the live log file, 0 when nothing is kept.
    pub log_inode: u64,
    /// Its length.
    pub log_offset: u64,
    /// Whether the container has a terminal.
    pub tty: bool,
}

/// The process lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The container's first process as the host sees it.
    pub pid: u32,
    /// The runtime's remarks, e.g. a clamped limit.
    pub warnings: Vec<String>,
}

/// A size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub cols: u16,
}

/// One signal for the container's first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Its number.
    pub signal: i32,
}

/// Ask to end, then insist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Instead of the configured stop signal.
    pub signal: Option<i32>,
    /// Seconds before SIGKILL instead of the configured ones; negative waits for ever.
    pub timeout: Option<i64>,
    /// It is removed next: no event tells of a stop.
    #[serde(default)]
    pub silent: bool,
}

/// When a wait ends. `removed` is the engine's: it waits for `NotRunning` and then for the record to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Ended for good, or never born.
    NotRunning,
    /// The next end, even if a restart follows.
    NextExit,
}

/// Stand still: no process of the container runs, none is started, and no restart happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Milliseconds after which the container goes on, whatever the client does.
    pub limit_ms: u64,
}

/// Wait for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Which end.
    pub condition: Condition,
}

/// One more process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exec {
    /// The session's id, 64 hex digits, chosen by the engine.
    pub id: String,
    /// The process.
    pub process: ExecProcess,
    /// Whether its stdin is open.
    pub stdin: bool,
    /// First size of its terminal, `(rows, columns)`.
    pub size: Option<(u16, u16)>,
    /// Nobody takes its streams: they are read away.
    pub detach: bool,
}

/// A size for an exec session's terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResize {
    /// The session.
    pub id: String,
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub cols: u16,
}

/// The exec'd process lives; its descriptors come with the frame in this order: stdin (if open), stdout, stderr; or the terminal's master alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecStarted {
    /// As the host sees it.
    pub pid: u32,
    /// How many descriptors come along.
    pub descriptors: usize,
    /// The runtime's remarks.
    pub warnings: Vec<String>,
}

/// An exec'd process has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExited {
    /// The session.
    pub id: String,
    /// As for [`crate::Exit`].
    pub exit_code: i32,
}

/// The end of a life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// How it ended; absent when the container never ran (a wait on a prepared one).
    pub exit: Option<crate::Exit>,
    /// Whether the restart policy will start it again.
    pub restarting: bool,
}

/// More stdin may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Bytes.
    pub bytes: usize,
}

/// Everything `inspect` wants from the monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run state.
    pub state: State,
    /// Exec sessions, running ones and the last that ended.
    pub execs: Vec<ExecReport>,
}

/// One exec session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecReport {
    /// Its id.
    pub id: String,
    /// As the host sees it, 0 when it has ended.
    pub pid: u32,
    /// Absent while it runs.
    pub exit_code: Option<i32>,
    /// What was asked.
    pub process: ExecProcess,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Name of the [`stead_base::Kind`]; see [`Failed::kind`].
    pub kind: String,
    /// 125, 126 or 127 when the program could not be started.
    pub exit_code: Option<i32>,
    /// One line.
    pub message: String,
}

const FAILURES: [(&str, Failure); 11] = [
    ("NotFound", Failure::NotFound),
    ("Conflict", Failure::Conflict),
    ("InUse", Failure::InUse),
    ("Invalid", Failure::Invalid),
    ("NotAllowed", Failure::NotAllowed),
    ("Unsupported", Failure::Unsupported),
    ("NotRunning", Failure::NotRunning),
    ("Exists", Failure::Exists),
    ("NoSpace", Failure::NoSpace),
    ("Unavailable", Failure::Unavailable),
    ("Internal", Failure::Internal),
];

impl Failed {
    /// A refusal of this kind.
    #[must_use]
    pub fn new(kind: Failure, message: impl Into<String>) -> Self {
        let name = FAILURES.iter().find(|(_, k)| *k == kind).map_or("Internal", |(name, _)| name);
        Self { kind: name.to_owned(), exit_code: None, message: message.into() }
    }

    /// The universal kind.
    #[must_use]
    pub fn kind(&self) -> Failure {
        FAILURES.iter().find(|(name, _)| *name == self.kind).map_or(Failure::Internal, |(_, kind)| *kind)
    }
}

/// Splits a header into kind and payload length; `None` for what no frame of ours begins with.
#[must_use]
pub fn parse_header(header: [u8; HEADER]) -> Option<(Kind, usize)> {
    let kind = Kind::from_byte(header[0])?;
    let length = usize::try_from(u32::from_le_bytes([header[4], header[5], header[6], header[7]])).ok()?;
    let limit = if matches!(kind, Kind::Stdin | Kind::Stdout | Kind::Stderr) { DATA_MAX } else { JSON_MAX };
    (length <= limit).then_some((kind, length))
}

/// A header for a payload of this length. Lengths are bounded by the limits above, so they fit.
#[must_use]
pub fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0] = kind as u8;
    header[4..].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    header
}

/// A whole frame around raw bytes.
#[must_use]
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&header(kind, payload.len()));
    bytes.extend_from_slice(payload);
    bytes
}

/// A whole frame around JSON. Our own types always encode; if one did not, the empty payload is refused by the other end.
#[must_use]
pub fn json<T: Serialize>(kind: Kind, value: &T) -> Vec<u8> {
    frame(kind, &serde_json::to_vec(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_carries_its_length() {
        let bytes = frame(Kind::Stdout, b"hello");
        let header: [u8; HEADER] = bytes[..HEADER].try_into().unwrap();
        assert_eq!(parse_header(header), Some((Kind::Stdout, 5)));
        assert_eq!(&bytes[HEADER..], b"hello");
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse_header([0; HEADER]), None);
        assert_eq!(parse_header(*b"GET / HT"), None);
        assert_eq!(parse_header(header(Kind::Stdin, DATA_MAX + 1)), None);
        assert_eq!(parse_header(header(Kind::Config, JSON_MAX + 1)), None);
    }

    #[test]
    fn refusals_keep_their_kind() {
        for (_, kind) in FAILURES {
            assert_eq!(Failed::new(kind, "x").kind(), kind);
        }
    }
}
