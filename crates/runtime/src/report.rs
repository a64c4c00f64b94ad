//! What a child tells its parent before its program runs: warnings, the terminal, or why it failed. Silence and a closed end mean success.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stead_sys::socket;

use crate::launch::{LaunchError, LaunchErrorKind};

/// Longest text of a message; socket messages have bounds, error texts of file systems do not.
const TEXT_MAX: usize = 4000;

/// The child's end.
#[derive(Debug)]
pub(crate) struct Reporter(OwnedFd);

/// The parent's end.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

/// All a child said.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) warnings: Vec<String>,
    pub(crate) master: Option<OwnedFd>,
    pub(crate) failure: Option<LaunchError>,
}

/// Both ends.
pub(crate) fn pair() -> Result<(Listener, Reporter), LaunchError> {
    let (ours, theirs) = socket::packet_pair().map_err(|error| LaunchError::setup(error.to_string()))?;
    Ok((Listener(ours), Reporter(theirs)))
}

impl Reporter {
    /// Something was given only in part.
    pub(crate) fn warn(&self, text: &str) {
        self.say(b'W', text, &[]);
    }

    /// The master end of the process's terminal.
    pub(crate) fn master(&self, fd: BorrowedFd<'_>) {
        self.say(b'P', "", &[fd]);
    }

    /// Why there will be no program.
    pub(crate) fn fail(&self, error: &LaunchError) {
        let kind = match error.kind {
            LaunchErrorKind::NotFound => b'F',
            LaunchErrorKind::NotExecutable => b'X',
            LaunchErrorKind::Setup => b'S',
        };
        self.say(kind, &error.message, &[]);
    }

    fn say(&self, kind: u8, text: &str, descriptors: &[BorrowedFd<'_>]) {
        let mut message = vec![kind];
        message.extend(text.bytes().take(TEXT_MAX));
        // A parent that died meanwhile hears nothing, and nobody else wants to.
        drop(socket::send(self.0.as_fd(), &message, descriptors));
    }
}

impl Listener {
    /// Listens until the child executes or ends.
    pub(crate) fn hear(self) -> Report {
        let mut report = Report::default();
        let mut buffer = [0; TEXT_MAX + 1];
        loop {
            let message = match socket::receive(self.0.as_fd(), &mut buffer) {
                Ok(message) if message.bytes > 0 => message,
                Ok(_) => return report,
                Err(error) => {
                    report.failure = Some(LaunchError::setup(error.to_string()));
                    return report;
                }
            };
            let text = String::from_utf8_lossy(&buffer[1..message.bytes]).into_owned();
            let failed = |kind| Some(LaunchError { kind, message: text.clone() });
            match buffer[0] {
                b'W' => report.warnings.push(text),
                b'P' => report.master = message.descriptors.into_iter().next(),
                b'F' => report.failure = failed(LaunchErrorKind::NotFound),
                b'X' => report.failure = failed(LaunchErrorKind::NotExecutable),
                _ => report.failure = failed(LaunchErrorKind::Setup),
            }
        }
    }
}
