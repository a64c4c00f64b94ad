//! Which paths of a container nobody may mount over: the kernel's own file systems and the device directory.
//!
//! A volume over `/proc` once let a container swallow the writes that confine it. The words about `/proc` are runc's.

use std::path::Path;

use crate::gotext::quote;

/// A target that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// `/proc`, or below it.
    #[error("{} cannot be mounted because it is inside /proc", quote(.0))]
    Proc(String),
    /// `/sys`, or below it, with something that is not of the host's `/sys`.
    #[error("{} cannot be mounted because it is inside /sys", quote(.0))]
    Sys(String),
    /// `/dev`, with something else than a directory of the host.
    #[error("{} cannot be mounted because the container's devices are made there", quote(.0))]
    Dev(String),
}

/// What is about to be mounted, as far as the guard cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// A path of the host, clean and absolute.
    Host(&'a Path),
    /// A volume, memory, an image.
    Kept,
}

/// Files of `/proc` that tools such as lxcfs replace so that a container sees its own limits.
const PROC_FILES: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// Judges a clean target by its text. What symlinks make of it is judged again when it is attached.
pub(crate) fn check(target: &Path, content: Content<'_>) -> Result<(), Forbidden> {
    let shown = || target.display().to_string();
    if target.starts_with("/proc") {
        let host = matches!(content, Content::Host(_));
        return if host && is_proc_file(target) { Ok(()) } else { Err(Forbidden::Proc(shown())) };
    }
    if target.starts_with("/sys") {
        return if is_of_sys(content) { Ok(()) } else { Err(Forbidden::Sys(shown())) };
    }
    if target == Path::new("/dev") && content == Content::Kept {
        return Err(Forbidden::Dev(shown()));
    }
    Ok(())
}

/// Whether a target is one of the files of `/proc` that may be replaced.
pub(crate) fn is_proc_file(target: &Path) -> bool {
    PROC_FILES.iter().any(|file| target == Path::new(file))
}

/// Whether the content is the host's own `/sys`, or a part of it.
pub(crate) fn is_of_sys(content: Content<'_>) -> bool {
    matches!(content, Content::Host(source) if source.starts_with("/sys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_never_cover_the_kernels_file_systems() {
        for target in ["/proc", "/proc/self", "/proc/meminfo", "/sys", "/sys/fs/cgroup", "/dev"] {
            assert!(check(Path::new(target), Content::Kept).is_err(), "{target}");
        }
        for target in ["/", "/procs", "/system", "/dev/shm", "/devices", "/data/proc"] {
            assert_eq!(check(Path::new(target), Content::Kept), Ok(()), "{target}");
        }
    }

    #[test]
    fn host_paths_cover_what_other_runtimes_allow() {
        let host = |source: &'static str| Content::Host(Path::new(source));
        assert_eq!(check(Path::new("/proc/meminfo"), host("/var/lib/lxcfs/proc/meminfo")), Ok(()));
        assert_eq!(check(Path::new("/sys/fs/cgroup"), host("/sys/fs/cgroup")), Ok(()));
        assert_eq!(check(Path::new("/dev"), host("/dev")), Ok(()));
        assert_eq!(check(Path::new("/proc"), host("/proc")), Err(Forbidden::Proc("/proc".into())));
        assert_eq!(check(Path::new("/sys"), host("/etc")), Err(Forbidden::Sys("/sys".into())));
        let error = check(Path::new("/proc/x"), host("/x")).unwrap_err();
        assert_eq!(error.to_string(), "\"/proc/x\" cannot be mounted because it is inside /proc");
    }
}
