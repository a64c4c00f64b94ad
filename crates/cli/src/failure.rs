//! How a command fails: the text, the exit status and the hint, decided here and nowhere else.

use std::fmt::Write as _;
use std::io;

use stead_base::filter::FilterError;

use crate::command::help::usage_line;
use crate::command::{Matches, Misuse};

/// Exit status of `run`, `create` and of every mistake on the command line, as Docker's.
pub(crate) const EXIT_ENGINE: u8 = 125;
/// Exit status when the reader of our output went away, as a shell reports SIGPIPE.
pub(crate) const EXIT_PIPE: u8 = 141;

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

    /// What the engine says to `run` and `start`: `stead: text`, and 125, 126 or 127.
    pub(crate) fn engine_run(failure: stead_engine::Failure) -> Self {
        let code = failure.exit_code.and_then(|c| u8::try_from(c).ok()).unwrap_or(EXIT_ENGINE);
        Self { code, text: format!("stead: {}", failure.message), hint: failure.hint }
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
            write!(out, "{}hint: {hint}", if out.is_empty() { "" } else { "\n" }).ok();
        }
        out
    }
}

impl From<io::Error> for Failure {
    /// Only output and terminal calls come this way. A closed pipe is how `| head` says "enough".
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::silent(EXIT_PIPE) } else { Self::error(error) }
    }
}

impl From<stead_engine::Failure> for Failure {
    /// Docker's words behind a plain `Error: `, and the engine's advice as a hint.
    fn from(failure: stead_engine::Failure) -> Self {
        let plain = Self::error(&failure.message);
        match failure.hint {
            Some(hint) => plain.with_hint(hint),
            None => plain,
        }
    }
}

impl From<crate::format::Error> for Failure {
    fn from(error: crate::format::Error) -> Self {
        Self::plain(1, error.to_string())
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        match error {
            // Docker's flag envelope ends with 125; the rest is the engine's to refuse.
            FilterError::Format(_) => Self::plain(EXIT_ENGINE, error.to_string()),
            FilterError::Unknown(_) | FilterError::Value { .. } => Self::error(error),
        }
    }
}

/// Does something to each target in turn, goes on over failures and ends with all of them, one a line.
///
/// # Errors
/// When any failed: status 1.
pub(crate) fn each(targets: &[String], mut act: impl FnMut(&str) -> Result<(), Failure>) -> Result<u8, Failure> {
    let mut texts = Vec::new();
    for target in targets {
        match act(target) {
            Ok(()) => {}
            // Nobody reads our output any more: going on would only do more unseen.
            Err(failure) if failure.code == EXIT_PIPE => return Err(failure),
            Err(failure) => texts.push(failure.render()),
        }
    }
    if texts.is_empty() { Ok(0) } else { Err(Failure::plain(1, texts.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_like_dockers() {
        let misuse = Failure::misuse("stead ps", "[OPTIONS]", &Misuse::Flag("unknown flag: --bogus".to_owned()));
        assert_eq!(misuse.code(), 125);
        assert_eq!(misuse.render(), "unknown flag: --bogus\n\nUsage:  stead ps [OPTIONS]\n\nRun 'stead ps --help' for more information");
        let engine = stead_engine::Failure::no_container("x").with_hint("stead ps -a lists them");
        assert_eq!(Failure::from(engine).render(), "Error: No such container: x\nhint: stead ps -a lists them");
    }

    #[test]
    fn every_target_gets_its_turn() {
        let mut seen = Vec::new();
        let targets = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let outcome = each(&targets, |t| {
            seen.push(t.to_owned());
            if t == "c" { Ok(()) } else { Err(Failure::error(format_args!("no {t}"))) }
        });
        assert_eq!(seen, ["a", "b", "c"]);
        assert_eq!(outcome.unwrap_err().render(), "Error: no a\nError: no b");
    }
}
