//! Fault injection with strace: end a process at its Nth call, or let its Nth call fail, for every N.
use crate::{Command, Output};
use std::collections::BTreeMap;
use std::path::Path;

/// The file-system calls whose every instance is a place to die.
pub const FS_CALLS: &[&str] = &[
    "openat",
    "openat2",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "linkat",
    "symlinkat",
    "mknodat",
    "write",
    "pwrite64",
    "writev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "syncfs",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "utimensat",
    "fsetxattr",
    "setxattr",
    "copy_file_range",
    "ioctl",
    "flock",
    "fcntl",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "mount_setattr",
];

/// What is injected.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// SIGKILL at the entry of the call.
    Kill,
    /// The call fails with this error ("ENOSPC").
    Error(&'static str),
}

/// How often the command made each of [`FS_CALLS`] in its busiest process: those are the Ns there are.
pub fn count(command: &Command, scratch: &Path) -> BTreeMap<&'static str, usize> {
    let prefix = scratch.join("trace");
    let traced = under_strace(command, &["-ff", "-qq", "-e", &format!("trace=?{}", FS_CALLS.join(",?")), "-o", &prefix.to_string_lossy()]);
    assert_eq!(traced.run().code, 0, "the command works while it is traced: {}", command.line());
    let mut most = BTreeMap::new();
    for entry in std::fs::read_dir(scratch).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().starts_with("trace.") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for call in FS_CALLS {
            let n = text.lines().filter(|l| l.strip_prefix(call).is_some_and(|r| r.starts_with('('))).count();
            let seen = most.entry(*call).or_insert(0);
            *seen = n.max(*seen);
        }
        std::fs::remove_file(entry.path()).ok();
    }
    most.retain(|_, n| *n > 0);
    most
}

/// Runs the command with `fault` at the `nth` instance of `call`, in whichever of its processes comes there.
pub fn inject(command: &Command, call: &str, nth: usize, fault: Fault) -> Output {
    let fault = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(name) => format!("error={name}"),
    };
    under_strace(command, &["-f", "-qqq", "-o", "/dev/null", "-e", &format!("inject={call}:{fault}:when={nth}")]).run()
}

/// A sample of `all`, evenly spread, of at most `most`; everything with `STEAD_TEST_ALL=1`.
pub fn sample<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most || std::env::var_os("STEAD_TEST_ALL").is_some() {
        return all.to_vec();
    }
    (0..most).map(|i| all[i * all.len() / most].clone()).collect()
}

fn under_strace(command: &Command, options: &[&str]) -> Command {
    command.clone().wrapped("strace", options)
}
