//! The parent's half of a birth: what is opened, made and mounted on the host side before the child exists.

use std::os::fd::OwnedFd;

use crate::spec::Plan;

/// What the process's standard streams are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Pipes; without `stdin` the process reads /dev/null.
    Pipes {
        /// Whether a pipe is made for the standard input.
        stdin: bool,
    },
    /// A terminal of the container's own /dev/pts.
    Pty {
        /// Its first size.
        size: Option<WindowSize>,
    },
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// A process that has been born: its program runs.
#[derive(Debug)]
pub struct Child {
    /// Process id as this process sees it. The child is ours to wait for.
    pub pid: i32,
    /// Handle for signals and waiting.
    pub pidfd: OwnedFd,
    /// Our ends of its streams.
    pub io: ChildIo,
    /// What was asked and could only be given in part (a limit clamped); one line each.
    pub warnings: Vec<String>,
}

/// Our ends of a process's standard streams. All are close-on-exec and blocking.
#[derive(Debug)]
pub enum ChildIo {
    /// Pipes.
    Pipes {
        /// To its standard input, where one was asked for.
        stdin: Option<OwnedFd>,
        /// From its standard output.
        stdout: OwnedFd,
        /// From its standard error.
        stderr: OwnedFd,
    },
    /// The master of its terminal.
    Pty(OwnedFd),
}

/// How a birth failed; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchErrorKind {
    /// The program does not exist: 127.
    NotFound,
    /// The program cannot be executed: 126.
    NotExecutable,
    /// Something before the program: 125 when asked by `run`.
    Setup,
}

/// Why a birth failed; the message holds runc's and Docker's essential words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LaunchError {
    /// How it failed.
    pub kind: LaunchErrorKind,
    /// One line.
    pub message: String,
}

impl LaunchErrorKind {
    /// The exit code Docker gives the container and `docker run`.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::NotFound => 127,
            Self::NotExecutable => 126,
            Self::Setup => 125,
        }
    }
}

impl LaunchError {
    pub(crate) fn setup(message: impl Into<String>) -> Self {
        Self { kind: LaunchErrorKind::Setup, message: message.into() }
    }

    /// The universal kind.
    pub fn kind(&self) -> stead_base::Kind {
        match self.kind {
            LaunchErrorKind::NotFound => stead_base::Kind::NotFound,
            LaunchErrorKind::NotExecutable => stead_base::Kind::Invalid,
            LaunchErrorKind::Setup => stead_base::Kind::Internal,
        }
    }
}

/// Gives birth to the first process of a container and returns once its program runs.
///
/// The caller should have a single thread: the child is a bare `clone3` of it and allocates memory before it executes.
/// Mounts are prepared in the caller's mount namespace. The control group is made here and stays until
/// [`crate::cgroup::delete`] is called.
pub fn start(plan: &Plan, stdio: Stdio) -> Result<Child, LaunchError> {
    let _ = stdio;
    Err(LaunchError::setup(format!("container {} cannot be started", plan.id)))
}
