//! Unix socket addresses hold 108 bytes; a run root may be longer. The directory is opened and the socket named through `/proc/self/fd`.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Longest path that is used as it is (`sun_path` with its final zero).
const DIRECT_MAX: usize = 107;

/// Calls `act` with a name for `path` that fits an address.
pub(crate) fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> Result<T, Errno>) -> Result<T, Errno> {
    use std::os::fd::AsRawFd;

    if path.as_os_str().len() <= DIRECT_MAX {
        return act(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL);
    };
    let directory = rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}
