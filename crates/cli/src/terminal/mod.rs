//! The user's terminal: raw mode that is always given back, its size, the keys that detach, the signals that are passed on.

pub(crate) mod progress;
pub(crate) mod signals;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// A terminal in raw mode until this is dropped.
#[derive(Debug)]
pub(crate) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Puts the terminal on standard input into raw mode. `None` where it is no terminal.
    ///
    /// # Errors
    /// The terminal does not let itself be set.
    pub(crate) fn enter() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Ok(None) };
        let terminal = stdin.as_fd().try_clone_to_owned()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nobody is left to tell; the shell puts its own terminal right, too.
        tcsetattr(&self.terminal, OptionalActions::Now, &self.before).ok();
    }
}

/// Asks for one line.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    crate::output::text(question)?;
    let mut line = String::new();
    io::BufRead::read_line(&mut io::stdin().lock(), &mut line)?;
    Ok(line.trim().to_owned())
}

/// Asks for one line that is not shown while it is typed.
pub(crate) fn ask_secret(question: &str) -> io::Result<String> {
    struct Shows<'a>(&'a io::Stdin, Termios);
    impl Drop for Shows<'_> {
        fn drop(&mut self) {
            // Nobody is left to tell.
            tcsetattr(self.0, OptionalActions::Now, &self.1).ok();
        }
    }
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(rustix::termios::LocalModes::ECHO);
    let back = Shows(&stdin, before);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    crate::output::text(question)?;
    let mut line = String::new();
    let read = io::BufRead::read_line(&mut stdin.lock(), &mut line);
    drop(back);
    crate::output::line("")?;
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    rustix::termios::isatty(io::stdin())
}

/// Rows and columns of the terminal on standard output, or on standard input.
pub(crate) fn size() -> Option<(u16, u16)> {
    let read = |fd: BorrowedFd<'_>| rustix::termios::tcgetwinsize(fd).ok().filter(|s| s.ws_row > 0 && s.ws_col > 0);
    let size = read(io::stdout().as_fd()).or_else(|| read(io::stdin().as_fd()))?;
    Some((size.ws_row, size.ws_col))
}

/// Reads from a descriptor, again after a signal. 0 is the end.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            Ok(count) => return Ok(count),
            Err(rustix::io::Errno::INTR) => {}
            // What a terminal says when its other end is gone, and a pipe never does.
            Err(rustix::io::Errno::IO) => return Ok(0),
            Err(errno) => return Err(errno.into()),
        }
    }
}
