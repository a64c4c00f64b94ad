//! Resource limits, clamped to what this process may set.
//!
//! RLIMIT_NOFILE and friends cannot be raised above the present hard limit without CAP_SYS_RESOURCE in the initial user namespace;
//! a container that asks for more gets what there is, and the caller is told.

#![expect(unsafe_code, reason = "a closure between fork and exec")]

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{Error, Result};

/// The kernel's limits by name.
const NAMES: [(&str, Resource); 16] = [
    ("as", Resource::As),
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("locks", Resource::Locks),
    ("memlock", Resource::Memlock),
    ("msgqueue", Resource::Msgqueue),
    ("nice", Resource::Nice),
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("rss", Resource::Rss),
    ("rtprio", Resource::Rtprio),
    ("rttime", Resource::Rttime),
    ("sigpending", Resource::Sigpending),
    ("stack", Resource::Stack),
];

/// What was really set, where it is less than what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clamped {
    /// Soft limit now; `u64::MAX` is unlimited.
    pub soft: u64,
    /// Hard limit now; `u64::MAX` is unlimited.
    pub hard: u64,
}

/// Whether the kernel knows a limit of this name (`nofile`, `RLIMIT_NOFILE`).
pub fn is_known(name: &str) -> bool {
    resource(name).is_some()
}

/// Sets a limit of this process; `u64::MAX` means unlimited. Returns what was set instead when the wish may not be granted whole.
pub fn set(name: &str, soft: u64, hard: u64) -> Result<Option<Clamped>> {
    let subject = format!("rlimit {name}");
    let resource = resource(name).ok_or_else(|| Error::new("setrlimit", &subject, Errno::INVAL))?;
    match setrlimit(resource, limit(soft, hard)) {
        Ok(()) => return Ok(None),
        Err(Errno::PERM) => {}
        Err(errno) => return Err(Error::new("setrlimit", &subject, errno)),
    }
    let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let hard = hard.min(allowed);
    let soft = soft.min(hard);
    setrlimit(resource, limit(soft, hard)).map_err(|errno| Error::new("setrlimit", &subject, errno))?;
    Ok(Some(Clamped { soft, hard }))
}

/// The limits of open files that this process had before it raised its own.
static BEFORE: OnceLock<rustix::process::Rlimit> = OnceLock::new();

/// Raises this process's own soft limit of open files towards `most`. Programs made with [`crate::process::command`] and [`lower_again`] do not see it.
pub fn raise_open_files(most: u64) {
    let before = getrlimit(Resource::Nofile);
    let most = before.maximum.map_or(most, |hard| hard.min(most));
    if before.current.is_some_and(|now| now < most) {
        let raised = rustix::process::Rlimit { current: Some(most), ..before };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            BEFORE.set(before).ok();
        }
    }
}

/// Gives a command the soft limit of open files that this process had before [`raise_open_files`].
pub fn lower_again(command: &mut Command) {
    let Some(before) = BEFORE.get() else { return };
    let soft = before.current;
    let lower = move || {
        // The hard limit may have been lowered meanwhile; then the soft one is below it already.
        let now = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: soft, ..now }).ok();
        Ok(())
    };
    // SAFETY: the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(lower) };
}

fn limit(soft: u64, hard: u64) -> rustix::process::Rlimit {
    let finite = |value: u64| (value != u64::MAX).then_some(value);
    rustix::process::Rlimit { current: finite(soft), maximum: finite(hard) }
}

fn resource(name: &str) -> Option<Resource> {
    let lower = name.to_ascii_lowercase();
    let short = lower.strip_prefix("rlimit_").unwrap_or(&lower);
    NAMES.iter().find(|(known, _)| *known == short).map(|(_, resource)| *resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{NamespaceFlags, spawn, wait};
    use std::os::fd::AsFd;

    fn in_child(body: impl FnOnce() -> bool) -> bool {
        let child = spawn(NamespaceFlags::empty(), None, || i32::from(!body())).unwrap();
        wait(child.pidfd.as_fd()).unwrap().status() == 0
    }

    #[test]
    fn limits_are_set_and_read_back() {
        assert!(in_child(|| set("nofile", 64, 128).unwrap().is_none() && getrlimit(Resource::Nofile).current == Some(64)));
        assert!(in_child(|| set("RLIMIT_CORE", 0, 0).unwrap().is_none() && getrlimit(Resource::Core).maximum == Some(0)));
    }

    #[test]
    fn too_high_a_wish_is_clamped_not_refused() {
        assert!(in_child(|| {
            set("nofile", 50, 100).unwrap();
            crate::credential::set_capabilities(crate::credential::Capabilities::default()).unwrap();
            set("nofile", 1 << 20, 1 << 20).unwrap() == Some(Clamped { soft: 100, hard: 100 })
        }));
    }

    #[test]
    fn unknown_names_are_errors() {
        assert!(!is_known("openfiles") && set("openfiles", 1, 1).is_err());
    }
}
