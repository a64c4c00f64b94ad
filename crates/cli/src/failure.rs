//! How a command fails: the text, the exit status and the hint, decided here and nowhere else.

use std::fmt::Write as _;
use std::io;

use stead_base::Kind;

use crate::command::help::usage_line;
use crate::command::{Matches, Misuse};

/// Exit status of `run`, `create` and of every mistake on the command line, as Docker's.
pub(crate) const EXIT_ENGINE: u8 = 125;
/// Exit status of `run` for a command that cannot be executed.
pub(crate) const EXIT_NOT_EXECUTABLE: u8 = 126;
/// Exit status of `run` for a command that is not there.
pub(crate) const EXIT_NOT_FOUND: u8 = 127;

/// Why a command failed and how the process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    hint: Option<String>,
}

impl Failure {
    /// `Error: text`, exit status 1: what most commands say where Docker says `Error response from daemon: text`.
    pub(crate) fn error(text: impl std::fmt::Display) -> Self {
        Self { code: 1, text: format!("Error: {text}"), hint: None }
    }

    /// The text as it is, with this exit status.
    pub(crate) fn plain(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hint: None }
    }

    /// Ends the process with a status and no words: the container's own, or after each part of the work has spoken for itself.
    pub(crate) fn silent(code: u8) -> Self {
        Self::plain(code, "")
    }

    /// A mistake in what was asked of `run`/`create`: `stead: text` and where the manual is, exit status 125.
    pub(crate) fn run(matches: &Matches, text: impl std::fmt::Display) -> Self {
        Self::plain(EXIT_ENGINE, format!("stead: {text}\n\nRun '{} --help' for more information", matches.path))
    }

    /// A command line that cannot be used, in Docker's layout: flags end with 125, counts of arguments with 1.
    pub(crate) fn misuse(path: &str, usage: &str, misuse: &Misuse) -> Self {
        let usage = usage_line(path, usage);
        match misuse {
            Misuse::Help | Misuse::Flag(_) => {
                Self::plain(EXIT_ENGINE, format!("{misuse}\n\n{usage}\n\nRun '{path} --help' for more information"))
            }
            Misuse::Arguments(text, pointer) => {
                Self::plain(1, format!("stead: {text}\n\n{usage}\n\n{pointer} '{path} --help' for more information"))
            }
        }
    }

    /// A flag whose value is found wrong after parsing, in the same envelope as one found wrong while parsing.
    pub(crate) fn flag(matches: &Matches, text: impl Into<String>) -> Self {
        Self::misuse(&matches.path, matches.usage, &Misuse::Flag(text.into()))
    }

    /// The same with another exit status.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// The same with advice on what to do next.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit status.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// What standard error gets; empty where there is nothing to say.
    pub(crate) fn render(&self) -> String {
        let mut out = self.text.clone();
        if let Some(hint) = &self.hint {
            // Writing to a String cannot fail.
            drop(write!(out, "{}hint: {hint}", if out.is_empty() { "" } else { "\n" }));
        }
        out
    }
}

impl From<io::Error> for Failure {
    /// Only output and terminal calls come this way. A closed pipe is how `| head` says "enough".
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::silent(141) } else { Self::error(error) }
    }
}

/// The exit status of `run` for an engine error of this kind, unless the error carries one of its own.
pub(crate) fn run_status(kind: Kind) -> u8 {
    match kind {
        Kind::NotFound
        | Kind::Conflict
        | Kind::InUse
        | Kind::Invalid
        | Kind::NotAllowed
        | Kind::Unsupported
        | Kind::NotRunning
        | Kind::Exists
        | Kind::NoSpace
        | Kind::Unavailable
        | Kind::Internal => EXIT_ENGINE,
    }
}
