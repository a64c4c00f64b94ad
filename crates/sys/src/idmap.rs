//! Id-mapped mounts: a detached mount shows other owners than the disk has, and nothing on the disk changes (Linux 5.12).
//!
//! The kernel takes the map from a user namespace. Nobody runs in it: a copy of this process is born into it, does nothing, and is
//! ended once the namespace is held by descriptor. No helper program (`newuidmap`) is needed, because the map is written by the
//! privileged parent.

use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use crate::mount::Depth;
use crate::namespace::{self, NamespaceFlags};
use crate::{Error, Result, process};

/// A run of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first id as the disk has it.
    pub on_disk: u32,
    /// The first id as it is seen through the mount.
    pub shown: u32,
    /// How many follow one another.
    pub count: u32,
}

/// The most ranges a map may have (user_namespaces(7), since Linux 4.15).
pub const RANGES_MAX: usize = 340;

/// All ids there are: 2^32-1 is none.
pub const ALL: u32 = u32::MAX;

/// A user namespace with these maps, held by descriptor. An empty map leaves all ids as they are.
///
/// # Errors
/// The kernel refuses the namespace (`EPERM`, `ENOSPC` for `user.max_user_namespaces`) or a map (`EINVAL` for overlapping ranges).
pub fn user_namespace(uids: &[Range], gids: &[Range]) -> Result<UserNamespace> {
    let child = process::spawn(NamespaceFlags::NEWUSER, None, wait_for_the_end)?;
    // From here on it is ended whatever happens.
    let child = Ending(child);
    let outcome = write_maps(child.0.pid, uids, gids).and_then(|()| namespace::open(&of(child.0.pid, "ns/user")));
    process::pidfd_send_signal(child.0.pidfd.as_fd(), libc::SIGKILL)?;
    Ok(UserNamespace { held: outcome?, _child: child })
}

/// A user namespace held by descriptor. The process it was made with is waited for when this is dropped: on a busy machine it may take
/// milliseconds until the kernel lets it end, and nobody needs that.
#[derive(Debug)]
pub struct UserNamespace {
    held: OwnedFd,
    _child: Ending,
}

impl AsFd for UserNamespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.held.as_fd()
    }
}

/// A child that has been killed, or is.
#[derive(Debug)]
struct Ending(process::Spawned);

impl Drop for Ending {
    fn drop(&mut self) {
        // In a copy of the process that made it this is nobody's child, and the answer is that at once.
        process::pidfd_send_signal(self.0.pidfd.as_fd(), libc::SIGKILL).ok();
        process::wait(self.0.pidfd.as_fd()).ok();
    }
}

/// The child's whole life. It closes its copies of the parent's descriptors (of locks, of pipes), so that nobody waits for it even if the
/// parent is killed before it can end it; then it ends by itself.
fn wait_for_the_end() -> i32 {
    if process::die_with_parent().and_then(|()| process::close_from(0)).is_err() {
        return 1;
    }
    std::thread::sleep(std::time::Duration::from_secs(30));
    0
}

fn of(pid: i32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

fn write_maps(pid: i32, uids: &[Range], gids: &[Range]) -> Result<()> {
    for (file, ranges) in [("uid_map", uids), ("gid_map", gids)] {
        let mut text = String::new();
        for range in ranges {
            // A string takes everything.
            writeln!(text, "{} {} {}", range.on_disk, range.shown, range.count).ok();
        }
        if text.is_empty() {
            text = format!("0 0 {ALL}\n");
        }
        let path = of(pid, file);
        let failed = |e: std::io::Error| Error::new("write", &path, e);
        let mut options = std::fs::OpenOptions::new();
        let mut map = options.write(true).open(&path).map_err(failed)?;
        // One write: the kernel takes a map whole or not at all.
        std::io::Write::write_all(&mut map, text.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

/// Makes a detached mount, or a whole detached tree, show its files through the maps of a user namespace.
///
/// # Errors
/// As `mount_setattr`: `EINVAL` where a file system cannot do it, `EPERM` where a mount is mapped already, `ENOSYS` before Linux 5.12.
pub fn set(mount: impl AsFd, depth: Depth, namespace: impl AsFd, subject: &Path) -> Result<()> {
    crate::mount::set_user_namespace(mount.as_fd(), depth, namespace.as_fd().as_raw_fd().unsigned_abs(), subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::{clone_tree, handle};
    use crate::testdir::TestDir;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn owners_are_exchanged_and_the_disk_stays() {
        let dir = TestDir::new();
        let file = dir.path().join("f");
        std::fs::File::create(&file).unwrap();
        std::os::unix::fs::chown(&file, Some(1000), Some(1001)).unwrap();
        let uids = [
            Range { on_disk: 0, shown: 0, count: 999 },
            Range { on_disk: 999, shown: 1000, count: 1 },
            Range { on_disk: 1000, shown: 999, count: 1 },
            Range { on_disk: 1001, shown: 1001, count: ALL - 1001 },
        ];
        let space = user_namespace(&uids, &[]).unwrap();
        let tree = clone_tree(handle(dir.path()).unwrap(), Depth::Top, dir.path()).unwrap();
        set(&tree, Depth::Top, &space, dir.path()).unwrap();
        let seen = std::fs::metadata(format!("/proc/self/fd/{}/f", tree.as_raw_fd())).unwrap();
        assert_eq!((seen.uid(), seen.gid()), (999, 1001));
        let on_disk = std::fs::metadata(&file).unwrap();
        assert_eq!((on_disk.uid(), on_disk.gid()), (1000, 1001));
        // What is made through it has the owner that the disk's other users know.
        let made = format!("/proc/self/fd/{}/made", tree.as_raw_fd());
        std::fs::File::create(&made).unwrap();
        std::os::unix::fs::chown(&made, Some(999), Some(5)).unwrap();
        assert_eq!(std::fs::metadata(dir.path().join("made")).unwrap().uid(), 1000);
    }

    #[test]
    fn a_map_that_is_none_is_refused_and_leaves_no_process() {
        let twice = [Range { on_disk: 0, shown: 5, count: 10 }, Range { on_disk: 5, shown: 50, count: 10 }];
        assert_eq!(user_namespace(&twice, &[]).unwrap_err().errno(), Some(libc::EINVAL));
    }

    #[test]
    fn a_file_system_without_support_says_so() {
        let tree = clone_tree(handle(Path::new("/proc")).unwrap(), Depth::Top, Path::new("/proc")).unwrap();
        let space = user_namespace(&[], &[]).unwrap();
        assert_eq!(set(&tree, Depth::Top, &space, Path::new("/proc")).unwrap_err().errno(), Some(libc::EINVAL));
    }
}
