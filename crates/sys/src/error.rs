//! The one error of this room: which operation failed, on what, and what the kernel said.

use std::io;
use std::path::{Path, PathBuf};

/// Everything a caller needs for one clear line: `open /etc/passwd: No such file or directory`.
#[derive(Debug, thiserror::Error)]
#[error("{op} {}: {source}", path.display())]
pub struct Error {
    /// The system call or step that failed, e.g. `open`.
    pub op: &'static str,
    /// What it was done to; for calls without a path, the subject (`pid 12`, `netns`).
    pub path: PathBuf,
    /// What the kernel answered.
    #[source]
    pub source: io::Error,
}

impl Error {
    /// Builds the error; takes whatever converts to [`io::Error`] (`rustix::io::Errno` too).
    pub fn new(op: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Self { op, path: path.as_ref().to_path_buf(), source: source.into() }
    }

    /// The error of the last libc call of this thread.
    pub(crate) fn last(op: &'static str, path: impl AsRef<Path>) -> Self {
        Self::new(op, path, io::Error::last_os_error())
    }

    /// The raw errno, where there is one.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// The broad kind of the underlying io error.
    pub fn io_kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// What every function of this room returns.
pub type Result<T> = std::result::Result<T, Error>;
