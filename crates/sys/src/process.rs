//! Processes by handle: clone3, pidfd, which file descriptors survive an exec, what a child may keep.

#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions};

use crate::signal;
use crate::{Error, Result};

pub use rustix::thread::UnshareFlags as NamespaceFlags;

/// A new process: its id as we see it, and a handle that cannot be mistaken for another process.
#[derive(Debug)]
pub struct Spawned {
    /// Process id.
    pub pid: i32,
    /// Handle.
    pub pidfd: OwnedFd,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl Exit {
    /// The shell's number: the code, or 128 and the signal.
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// Layout of the kernel's `struct clone_args` (version 2, 88 bytes, with the cgroup field; Linux 5.7).
#[repr(C, align(8))]
#[derive(Debug, Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Returns the handle together with the process.
const CLONE_PIDFD: u64 = 0x1000;
/// Starts the child in another v2 control group (Linux 5.7).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Runs `child` in a copy of this process, in new namespaces and (v2) directly in a control group. Its return value is the exit code.
///
/// The copy has this thread only. Call it while no other thread can hold the allocator's lock; the closure may allocate. The closure
/// never unwinds out: a panic ends the child with code 70.
pub fn spawn(namespaces: NamespaceFlags, cgroup: Option<BorrowedFd<'_>>, child: impl FnOnce() -> i32) -> Result<Spawned> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: u64::from(namespaces.bits()) | CLONE_PIDFD,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: u64::from(libc::SIGCHLD.unsigned_abs()),
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: `args` is a valid clone_args of the size told; without a stack the call behaves as fork. The child runs on a copy of this
    // stack and leaves through _exit only.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::from_mut(&mut args), size_of::<CloneArgs>()) };
    if pid == 0 {
        let code = catch_unwind(AssertUnwindSafe(child)).unwrap_or(70);
        exit_now(code);
    }
    let pid = i32::try_from(pid).unwrap_or(-1);
    if pid < 0 {
        return Err(Error::last("clone3", "child"));
    }
    // SAFETY: the kernel stored a new descriptor, which nobody else owns, because CLONE_PIDFD was set and the call succeeded.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Spawned { pid, pidfd })
}

/// Ends this process at once: no destructors, no flushing of buffers shared with the parent.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes any int and does not return.
    unsafe { libc::_exit(code) }
}

/// Opens a handle to a process. Race-free for our own children that were not waited for.
pub fn pidfd_open(pid: i32) -> Result<OwnedFd> {
    let subject = || PathBuf::from(format!("pid {pid}"));
    let target = Pid::from_raw(pid).ok_or_else(|| Error::new("pidfd_open", subject(), rustix::io::Errno::SRCH))?;
    rustix::process::pidfd_open(target, PidfdFlags::empty()).map_err(|errno| Error::new("pidfd_open", subject(), errno))
}

/// Sends a signal to the very process of the handle; `ESRCH` when it is gone.
pub fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    // SAFETY: passes a live descriptor and integers; the info pointer may be null.
    let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0) };
    if done < 0 { Err(Error::last("pidfd_send_signal", format!("signal {signal}"))) } else { Ok(()) }
}

/// Waits until the child of the handle has ended, and reaps it.
pub fn wait(pidfd: BorrowedFd<'_>) -> Result<Exit> {
    loop {
        if let Some(exit) = wait_with(pidfd, WaitIdOptions::EXITED)? {
            return Ok(exit);
        }
    }
}

/// Reaps the child of the handle if it has ended already.
pub fn try_wait(pidfd: BorrowedFd<'_>) -> Result<Option<Exit>> {
    wait_with(pidfd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

fn wait_with(pidfd: BorrowedFd<'_>, options: WaitIdOptions) -> Result<Option<Exit>> {
    let status = loop {
        match rustix::process::waitid(WaitId::PidFd(pidfd), options) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other.map_err(|errno| Error::new("waitid", "pidfd", errno))?,
        }
    };
    Ok(status.and_then(|status| match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Some(Exit::Code(code)),
        (None, Some(signal)) => Some(Exit::Signal(signal)),
        (None, None) => None,
    }))
}

/// Reaps any one child that has ended: its id and how it ended; `None` when there is none at the moment or none at all.
pub fn reap_any() -> Result<Option<(i32, Exit)>> {
    loop {
        return match rustix::process::wait(rustix::process::WaitOptions::NOHANG) {
            Ok(None) | Err(rustix::io::Errno::CHILD) => Ok(None),
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => Err(Error::new("wait", "any child", errno)),
            Ok(Some((pid, status))) => {
                let exit = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => continue,
                };
                Ok(Some((pid.as_raw_nonzero().get(), exit)))
            }
        };
    }
}

/// A command that starts clean: default signals, nothing inherited but the three standard streams.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes commands")]
    let mut command = Command::new(program);
    let clean = || {
        close_on_exec_from(3).map_err(|error| error.source)?;
        signal::reset_for_exec();
        Ok(())
    };
    // SAFETY: the closure makes system calls only, without allocating on success, as a forked child must.
    unsafe { command.pre_exec(clean) };
    crate::rlimit::lower_again(&mut command);
    command
}

/// Lets a command inherit descriptors under given numbers (3 and above), besides the standard streams.
pub fn inherit(command: &mut Command, descriptors: Vec<(OwnedFd, RawFd)>) {
    let place = move || {
        for (fd, number) in &descriptors {
            dup_onto(fd.as_fd(), *number)?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only, without allocating, as a forked child must.
    unsafe { command.pre_exec(place) };
}

/// Makes a command the leader of its own session, away from the caller's terminal.
pub fn new_session(command: &mut Command) {
    let detach = || rustix::process::setsid().map(drop).map_err(io::Error::from);
    // SAFETY: one system call, no allocation.
    unsafe { command.pre_exec(detach) };
}

/// Puts a copy of `fd` at exactly `number`, open across exec. The numbers of the source and the target may be equal.
pub fn dup_onto(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    let done = if fd.as_raw_fd() == number {
        // SAFETY: clears the close-on-exec flag of a live descriptor.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) }
    } else {
        // SAFETY: what was open at `number` is closed, which the caller asked for.
        unsafe { libc::dup2(fd.as_raw_fd(), number) }
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every descriptor from `first` on close-on-exec, so that none reaches the next program (CVE-2024-21626).
pub fn close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: integers only; CLOEXEC closes nothing now.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done < 0 { Err(Error::last("close_range", format!("{first}.."))) } else { Ok(()) }
}

/// Closes every descriptor from `first` on, now. For a process that goes on without executing anything and owns none of them any more.
pub fn close_from(first: u32) -> Result<()> {
    // SAFETY: the caller promises by calling that no owner of these descriptors runs afterwards in this process.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if done < 0 { Err(Error::last("close_range", format!("{first}.."))) } else { Ok(()) }
}

/// Has the kernel kill this process when the thread that made it ends. Forgotten by children, by a change of user and by set-uid programs.
pub fn die_with_parent() -> Result<()> {
    let set = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    set.map_err(|errno| Error::new("prctl(PR_SET_PDEATHSIG)", "self", errno))
}

/// Forbids (or allows) other processes of the same user to trace this one and to read its /proc files.
pub fn set_dumpable(yes: bool) -> Result<()> {
    use rustix::process::DumpableBehavior::{Dumpable, NotDumpable};
    rustix::process::set_dumpable_behavior(if yes { Dumpable } else { NotDumpable })
        .map_err(|errno| Error::new("prctl(PR_SET_DUMPABLE)", "self", errno))
}

/// Makes this process the parent of orphaned descendants.
pub fn become_subreaper() -> Result<()> {
    // SAFETY: integers only.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    if done < 0 { Err(Error::last("prctl(PR_SET_CHILD_SUBREAPER)", "self")) } else { Ok(()) }
}

/// Sets the short name of this process that ps shows (15 bytes are kept).
pub fn set_name(name: &std::ffi::CStr) {
    // A name is decoration: failing to set it changes nothing.
    let _named: rustix::io::Result<()> = rustix::thread::set_name(name);
}

/// Wipes the arguments and the environment this process was executed with, as /proc shows them to others, and leaves `title` instead.
/// For a forked child that stays without executing anything; its own `std::env` reads nothing afterwards.
pub fn forget_arguments(title: &str) -> Result<()> {
    let path = std::path::Path::new("/proc/self/stat");
    let text = std::fs::read_to_string(path).map_err(|error| Error::new("read", path, error))?;
    // Fields are counted after the name, which may contain anything but ends at the last parenthesis: 48 to 51 are the two areas.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
    for (start, end, words) in [(field(48), field(49), title.as_bytes()), (field(50), field(51), &[][..])] {
        let Some(size) = end.checked_sub(start).filter(|size| start != 0 && *size > words.len()) else { continue };
        let area: *mut u8 = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the kernel placed these bytes on this process's own stack at exec and names their bounds; nothing but `std::env`
        // reads them, byte by byte up to a zero.
        unsafe { area.write_bytes(0, size) };
        // SAFETY: as above; the words are shorter than the area.
        unsafe { area.copy_from_nonoverlapping(words.as_ptr(), words.len()) };
    }
    Ok(())
}

/// A read-only, detached copy of the mount this program's file is on: executing through it leaves the container no path to the
/// file that could be opened for writing (CVE-2019-5736). Execute `/proc/self/fd/N` of it with [`command`].
pub fn self_exe_sealed() -> Result<OwnedFd> {
    use crate::mount::{Change, Depth, Flags, clone_tree, handle, set_attr};
    let path = std::path::Path::new("/proc/self/exe");
    let tree = clone_tree(handle(path)?, Depth::Top, path)?;
    set_attr(&tree, Depth::Top, Change { set: Flags::MOUNT_ATTR_RDONLY, ..Change::default() }, path)?;
    Ok(tree)
}

/// Starts a new session; the caller becomes its leader.
pub fn setsid() -> Result<()> {
    rustix::process::setsid().map(drop).map_err(|errno| Error::new("setsid", "self", errno))
}

/// Whether this process, with the rights in force, may execute a file.
pub fn may_execute(program: &std::ffi::CStr) -> bool {
    rustix::fs::accessat(rustix::fs::CWD, program, rustix::fs::Access::EXEC_OK, rustix::fs::AtFlags::EACCESS).is_ok()
}

/// Replaces this process by a program. Returns only the error.
pub fn execve(program: &std::ffi::CStr, args: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| list.iter().map(|item| item.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let (argv, envp) = (pointers(args), pointers(env));
    // SAFETY: both arrays end with null and point to strings that outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_child_returns_its_code_and_its_signal() {
        let child = spawn(NamespaceFlags::empty(), None, || 7).unwrap();
        assert_eq!(wait(child.pidfd.as_fd()).unwrap(), Exit::Code(7));
        let child = spawn(NamespaceFlags::empty(), None, || {
            loop {
                std::thread::park();
            }
        })
        .unwrap();
        assert_eq!(try_wait(child.pidfd.as_fd()).unwrap(), None);
        pidfd_send_signal(child.pidfd.as_fd(), libc::SIGKILL).unwrap();
        let exit = wait(child.pidfd.as_fd()).unwrap();
        assert_eq!((exit, exit.status()), (Exit::Signal(9), 137));
    }

    #[test]
    fn a_panicking_child_does_not_return_into_the_parent() {
        let child = spawn(NamespaceFlags::empty(), None, || {
            std::panic::set_hook(Box::new(|_| {}));
            panic!("on purpose")
        })
        .unwrap();
        assert_eq!(wait(child.pidfd.as_fd()).unwrap(), Exit::Code(70));
    }

    #[test]
    fn arguments_can_be_forgotten() {
        let child = spawn(NamespaceFlags::empty(), None, || {
            forget_arguments("nobody").unwrap();
            let seen = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap();
            i32::from(seen("cmdline").trim_end_matches('\0') != "nobody" || !seen("environ").trim_end_matches('\0').is_empty())
        })
        .unwrap();
        assert_eq!(wait(child.pidfd.as_fd()).unwrap(), Exit::Code(0));
        assert!(std::env::args().next().is_some_and(|first| !first.is_empty()), "the parent keeps its own");
    }

    #[test]
    fn commands_inherit_only_what_they_are_given() {
        let (mut reader, writer) = io::pipe().unwrap();
        let leak = std::fs::File::open("/dev/null").unwrap();
        dup_onto(leak.as_fd(), 77).unwrap();
        let mut listing = command("/bin/sh");
        listing.args(["-c", "cd /proc/self/fd && for f in *; do [ -e $f ] && printf '%s ' $f; done >&9"]);
        inherit(&mut listing, vec![(writer.into(), 9)]);
        assert!(listing.status().unwrap().success());
        drop(listing);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let numbers: Vec<&str> = text.split_whitespace().collect();
        assert!(numbers.contains(&"9") && !numbers.contains(&"77"), "{text}");
    }
}
