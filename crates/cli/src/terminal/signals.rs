//! Signals as a descriptor to poll, so that the loop which pumps streams is one thread and nothing races.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use stead_sys::signal;

/// The size of the terminal changed.
pub(crate) const WINCH: i32 = 28;

/// What `--sig-proxy` passes on: everything a process can catch, without SIGCHLD, SIGPIPE and SIGURG, which are about ourselves, and
/// the ones a fault of our own raises. Numbers are those of Linux on every architecture Stead runs on.
const FORWARDED: [i32; 17] = [1, 2, 3, 5, 10, 12, 14, 15, 16, 18, 20, 24, 25, 26, 27, 29, 30];
/// What ends us. In raw mode it is caught, to give the terminal back first.
const ENDING: [i32; 4] = [1, 2, 3, 15];

/// What signals are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// They go to the container.
    Forward,
    /// The terminal is raw: those that end us are caught, to give it back first.
    GiveBack,
    /// They do what they always do.
    Leave,
}

impl Use {
    /// What a session without `--sig-proxy` takes them for.
    pub(crate) fn of(raw: Option<&super::Raw>) -> Self {
        if raw.is_some() { Self::GiveBack } else { Self::Leave }
    }
}

/// What came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminal has a new size.
    Resized,
    /// For the container.
    Forward(i32),
    /// For us: we end as if it had killed us.
    End(i32),
}

/// Signals held back from their usual effect and readable instead.
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: OwnedFd,
    forward: bool,
}

impl Signals {
    /// Takes the signals of this use, and always the change of size.
    ///
    /// # Errors
    /// No descriptor is to be had.
    pub(crate) fn take(wanted_for: Use) -> Result<Self, stead_sys::Error> {
        let mut wanted = vec![WINCH];
        match wanted_for {
            Use::Forward => wanted.extend(FORWARDED),
            Use::GiveBack => wanted.extend(ENDING),
            Use::Leave => {}
        }
        signal::block(&wanted);
        Ok(Self { descriptor: signal::descriptor(&wanted)?, forward: wanted_for == Use::Forward })
    }

    /// The next signal that waits, if any.
    pub(crate) fn next(&self) -> Option<Signal> {
        let number = signal::read(self.descriptor.as_fd()).ok().flatten()?;
        Some(match number {
            WINCH => Signal::Resized,
            number if self.forward => Signal::Forward(number),
            number => Signal::End(number),
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
