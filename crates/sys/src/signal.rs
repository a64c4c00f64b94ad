//! Signals: names and numbers as Docker takes them, masks, and a descriptor to receive them.

#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{Error, Result};

/// Names of the classic signals with their numbers on this architecture.
const NAMES: [(&str, i32); 33] = [
    ("ABRT", libc::SIGABRT),
    ("ALRM", libc::SIGALRM),
    ("BUS", libc::SIGBUS),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("FPE", libc::SIGFPE),
    ("HUP", libc::SIGHUP),
    ("ILL", libc::SIGILL),
    ("INT", libc::SIGINT),
    ("IO", libc::SIGIO),
    ("KILL", libc::SIGKILL),
    ("PIPE", libc::SIGPIPE),
    ("PROF", libc::SIGPROF),
    ("PWR", libc::SIGPWR),
    ("QUIT", libc::SIGQUIT),
    ("SEGV", libc::SIGSEGV),
    ("STKFLT", 16),
    ("STOP", libc::SIGSTOP),
    ("SYS", libc::SIGSYS),
    ("TERM", libc::SIGTERM),
    ("TRAP", libc::SIGTRAP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("VTALRM", libc::SIGVTALRM),
    ("WINCH", libc::SIGWINCH),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("CLD", libc::SIGCHLD),
    ("POLL", libc::SIGIO),
];

/// First real-time signal as Docker counts them (glibc keeps 32 and 33 to itself).
const RTMIN: i32 = 34;
/// Last signal.
const RTMAX: i32 = 64;

/// The number of `SIGTERM`, `term`, `15`, `RTMIN+3` or `RTMAX-2`; none when it names nothing. As in Docker, zero is refused.
pub fn parse(word: &str) -> Option<i32> {
    if let Ok(number) = word.parse::<i32>() {
        return (1..=RTMAX).contains(&number).then_some(number);
    }
    let upper = word.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => RTMIN,
        (_, Some("")) => RTMAX,
        (Some(rest), _) => RTMIN + rest.strip_prefix('+')?.parse::<i32>().ok()?,
        (_, Some(rest)) => RTMAX - rest.strip_prefix('-')?.parse::<i32>().ok()?,
        (None, None) => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

/// The name of a classic signal without `SIG`, else its number.
pub fn name(number: i32) -> String {
    NAMES.iter().find(|(_, known)| *known == number).map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

fn all_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset writes the whole set it is given.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: it was just written.
    unsafe { set.assume_init() }
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset writes the whole set it is given.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: it was just written.
    let mut set = unsafe { set.assume_init() };
    for signal in signals {
        // SAFETY: changes only the set; a number out of range is refused without effect.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

/// Holds back the given signals in this thread (and in threads started later).
pub fn block(signals: &[i32]) {
    let set = set_of(signals);
    // SAFETY: reads a valid set; the old one is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}

/// Holds back every signal that can be held back.
pub fn block_all() {
    let set = all_signals();
    // SAFETY: reads a valid set; the old one is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

/// Lets every signal through again and gives each its default action: what a fresh program expects. Rust ignores SIGPIPE, and an
/// ignored signal stays ignored across exec.
pub fn reset_for_exec() {
    // The kernel's own call: glibc's refuses its two private signals (32 and 33), which a careless parent may have left ignored.
    // All zero is SIG_DFL without flags; the array covers `struct sigaction` with and without a restorer.
    let default = [0u64; 4];
    for signal in 1..=RTMAX {
        // SAFETY: the kernel reads at most 32 bytes, which live on this stack; numbers that may not be changed are refused without effect.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null_mut::<u64>(), size_of::<u64>()) };
    }
    let empty = set_of(&[]);
    // SAFETY: reads a valid set; the old one is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut()) };
}

/// A descriptor that becomes readable when one of the (blocked) signals is pending. Non-blocking, close-on-exec.
pub fn descriptor(signals: &[i32]) -> Result<OwnedFd> {
    let set = set_of(signals);
    // SAFETY: reads a valid set and makes a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(Error::last("signalfd", "signals"));
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes one pending signal from a [`descriptor`]; `None` when there is none now.
pub fn read(descriptor: BorrowedFd<'_>) -> Result<Option<i32>> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the buffer has the size told.
    let got = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
    if usize::try_from(got).is_ok_and(|got| got == size) {
        // SAFETY: the kernel filled the whole record.
        let info = unsafe { info.assume_init() };
        return Ok(i32::try_from(info.ssi_signo).ok());
    }
    let error = std::io::Error::last_os_error();
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted => Ok(None),
        _ => Err(Error::new("read", "signalfd", error)),
    }
}

/// Waits for the next (blocked) signal of any kind and returns its number; `None` when the wait was disturbed.
pub fn wait_any() -> Option<i32> {
    let set = all_signals();
    // SAFETY: reads a valid set; the details are not wanted.
    let signal = unsafe { libc::sigwaitinfo(&raw const set, std::ptr::null_mut()) };
    (signal > 0).then_some(signal)
}

/// Sends a signal by process id (negative: to a group). Only for children of the caller, whose ids cannot be reused meanwhile.
pub fn kill(pid: i32, signal: i32) -> Result<()> {
    // SAFETY: integers only.
    let done = unsafe { libc::kill(pid, signal) };
    if done < 0 { Err(Error::last("kill", format!("pid {pid}"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn words_of_every_form_are_understood() {
        for (word, number) in
            [("SIGTERM", 15), ("term", 15), ("9", 9), ("sigwinch", 28), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("RTMAX-1", 63)]
        {
            assert_eq!(parse(word), Some(number), "{word}");
        }
        for word in ["", "0", "65", "-1", "SIGFOO", "RTMIN+31", "RTMAX+1", "RTMIN3"] {
            assert_eq!(parse(word), None, "{word}");
        }
        assert_eq!((name(15), name(42)), ("TERM".to_owned(), "42".to_owned()));
    }

    #[test]
    fn pending_signals_can_be_read() {
        std::thread::spawn(|| {
            block(&[libc::SIGUSR2]);
            let fd = descriptor(&[libc::SIGUSR2]).unwrap();
            assert_eq!(read(fd.as_fd()).unwrap(), None);
            // SAFETY: takes nothing and cannot fail.
            let this = unsafe { libc::pthread_self() };
            // SAFETY: a signal to this very thread, which holds it back.
            unsafe { libc::pthread_kill(this, libc::SIGUSR2) };
            assert_eq!(read(fd.as_fd()).unwrap(), Some(libc::SIGUSR2));
        })
        .join()
        .unwrap();
    }
}
