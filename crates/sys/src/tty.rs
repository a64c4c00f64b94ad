//! Pseudo-terminals and terminal modes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios};

pub use rustix::termios::Winsize;

use crate::{Error, Result};

/// The two ends of a terminal.
#[derive(Debug)]
pub struct Pty {
    /// What the program's output is read from.
    pub master: OwnedFd,
    /// What the program has as its terminal.
    pub peer: OwnedFd,
}

/// Opens a new terminal of the caller's /dev/pts.
pub fn openpty() -> Result<Pty> {
    open_ptmx(rustix::fs::CWD, Path::new("/dev/ptmx"))
}

/// Opens a new terminal of the devpts instance mounted at `devpts`, without looking up any name but its own `ptmx`.
///
/// The peer comes from TIOCGPTPEER (Linux 4.13), so nothing a container put under /dev/pts can stand in for it (CVE-2025-52565).
pub fn openpty_in(devpts: BorrowedFd<'_>) -> Result<Pty> {
    open_ptmx(devpts, Path::new("ptmx"))
}

fn open_ptmx(dir: BorrowedFd<'_>, name: &Path) -> Result<Pty> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(|errno| Error::new("open", "ptmx", errno))?;
    rustix::pty::unlockpt(&master).map_err(|errno| Error::new("unlockpt", "ptmx", errno))?;
    let peer_flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let peer = rustix::pty::ioctl_tiocgptpeer(&master, peer_flags).map_err(|errno| Error::new("ioctl(TIOCGPTPEER)", "ptmx", errno))?;
    Ok(Pty { master, peer })
}

/// Makes a terminal the controlling one of this session, whose leader the caller must be.
pub fn set_controlling(tty: BorrowedFd<'_>) -> Result<()> {
    rustix::process::ioctl_tiocsctty(tty).map_err(|errno| Error::new("ioctl(TIOCSCTTY)", "tty", errno))
}

/// Puts this process in a group of its own, which gets the terminal's keys and signals.
pub fn lead_foreground(tty: BorrowedFd<'_>) -> Result<()> {
    let group = rustix::process::getpid();
    rustix::process::setpgid(None, None).map_err(|errno| Error::new("setpgid", "self", errno))?;
    // SIGTTOU is blocked in the caller, so that a background group may do this.
    rustix::termios::tcsetpgrp(tty, group).map_err(|errno| Error::new("tcsetpgrp", "tty", errno))
}

/// Whether a descriptor is a terminal.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    rustix::termios::isatty(fd)
}

/// The size of a terminal.
pub fn size(fd: BorrowedFd<'_>) -> Result<Winsize> {
    rustix::termios::tcgetwinsize(fd).map_err(|errno| Error::new("ioctl(TIOCGWINSZ)", "tty", errno))
}

/// Sets the size of a terminal; the programs on it get SIGWINCH. Rows first, as everywhere here.
pub fn set_size(fd: BorrowedFd<'_>, rows: u16, cols: u16) -> Result<()> {
    let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(fd, size).map_err(|errno| Error::new("ioctl(TIOCSWINSZ)", "tty", errno))
}

/// A terminal in raw mode (keys go through untouched) until this value is dropped.
#[derive(Debug)]
pub struct RawMode {
    tty: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Puts the terminal behind `fd` in raw mode.
    pub fn enter(fd: BorrowedFd<'_>) -> Result<Self> {
        let tty = fd.try_clone_to_owned().map_err(|error| Error::new("dup", "tty", error))?;
        let before = rustix::termios::tcgetattr(&tty).map_err(|errno| Error::new("tcgetattr", "tty", errno))?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(&tty, OptionalActions::Now, &raw).map_err(|errno| Error::new("tcsetattr", "tty", errno))?;
        Ok(Self { tty, before })
    }

    /// Puts the terminal back now; dropping does the same.
    pub fn leave(&self) -> Result<()> {
        rustix::termios::tcsetattr(self.tty.as_fd(), OptionalActions::Now, &self.before)
            .map_err(|errno| Error::new("tcsetattr", "tty", errno))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The terminal may be gone already; then there is nothing to put back.
        drop(self.leave());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    #[test]
    fn what_is_written_on_one_end_arrives_on_the_other() {
        let pty = openpty().unwrap();
        assert!(is_terminal(pty.peer.as_fd()));
        set_size(pty.master.as_fd(), 24, 80).unwrap();
        let size = size(pty.peer.as_fd()).unwrap();
        assert_eq!((size.ws_row, size.ws_col), (24, 80));
        let mut peer = File::from(pty.peer);
        let mut master = File::from(pty.master);
        peer.write_all(b"hi\n").unwrap();
        let mut got = [0; 4];
        master.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hi\r\n", "a fresh terminal maps newlines");
    }

    #[test]
    fn raw_mode_ends_with_its_guard() {
        let pty = openpty().unwrap();
        let before = rustix::termios::tcgetattr(&pty.peer).unwrap();
        let guard = RawMode::enter(pty.peer.as_fd()).unwrap();
        let raw = rustix::termios::tcgetattr(&pty.peer).unwrap();
        assert!(!raw.local_modes.contains(rustix::termios::LocalModes::ECHO));
        drop(guard);
        let after = rustix::termios::tcgetattr(&pty.peer).unwrap();
        assert_eq!(before.local_modes, after.local_modes);
    }

    #[test]
    fn plain_files_are_no_terminals() {
        let file = File::open("/dev/null").unwrap();
        assert!(!is_terminal(file.as_fd()) && RawMode::enter(file.as_fd()).is_err());
    }
}
