//! The only place that writes to the terminal: plain lines out, plain lines to standard error, questions to a person.
//!
//! A reader that went away (`stead ps | head -1`) is not an error: the first broken pipe ends the program quietly.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

/// Standard output with broken pipes told apart.
pub(crate) fn stdout_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// Writes one line to standard output.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut whole = String::with_capacity(text.len() + 1);
    whole.push_str(text);
    whole.push('\n');
    stdout_bytes(whole.as_bytes())
}

/// Writes text as it is to standard output.
pub(crate) fn text(text: &str) -> io::Result<()> {
    stdout_bytes(text.as_bytes())
}

/// Writes one line to standard error; nobody is left to tell when that fails.
pub(crate) fn warn(text: &str) {
    let mut err = io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n")));
}

/// Whether a person is likely to read standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether progress can be drawn on standard error.
pub(crate) fn can_draw() -> bool {
    io::stderr().is_terminal()
}

/// Columns of the terminal on standard output, if it is one.
pub(crate) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Asks `question [y/N]` and reads one line. End of input means no.
pub(crate) fn confirm(question: &str) -> io::Result<bool> {
    text(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
}
