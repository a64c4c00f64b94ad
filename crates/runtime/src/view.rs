//! A container's file system as its processes see it, held by one descriptor, running or not.
//!
//! Nothing is mounted on the host for this and no host path is made: that was `docker cp`'s way, and a container that exchanged a
//! directory for a symlink in time redirected those mounts (CVE-2026-41568, CVE-2026-42306). A running container's view is the root of
//! its process, mounts included. A stopped one's is put together in a mount table that only one thread has.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use stead_base::Kind;
use stead_mount::{ApplyError, Mount, Over, Prepared, Propagation, Ro, Source};
use stead_sys::mount as kernel;

/// Directories of the private mount table that may be covered; the first that is there is taken. Nothing the thread does needs them.
const PLACES: &[&str] = &["/sys", "/dev", "/run"];

/// A container's root, and whatever keeps it together.
#[derive(Debug)]
pub struct RootView {
    /// First, so that it is closed before the mounts below it are taken apart.
    root: OwnedFd,
    _kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// The process's directory in /proc.
    Process { _proc: OwnedFd },
    /// The thread whose mount table holds the view.
    Table { _thread: Table },
}

/// A view that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The process ended.
    #[error("process {pid} is not running")]
    Gone {
        /// The process.
        pid: u32,
    },
    /// One of the container's mounts cannot be made.
    #[error(transparent)]
    Mount(#[from] ApplyError),
    /// The kernel refused a step.
    #[error(transparent)]
    Sys(#[from] stead_sys::Error),
    /// The thread that holds the view ended early.
    #[error("the thread that holds the view of the container ended early")]
    Thread,
}

impl ViewError {
    /// The universal kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Gone { .. } => Kind::NotRunning,
            Self::Mount(error) => error.kind(),
            Self::Sys(_) | Self::Thread => Kind::Internal,
        }
    }
}

impl RootView {
    /// The root. Lookups from it must stay in it (`RESOLVE_IN_ROOT`); they cross the container's mounts.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// The view of a running process.
///
/// The process is held by its directory in /proc before its root is taken: what is reached through that descriptor is this process or
/// nothing, so a process id that is used again meanwhile leads nowhere. That the id was the container's to begin with is the caller's to
/// check, after this returned.
///
/// # Errors
/// [`ViewError::Gone`].
pub fn open_running(pid: u32) -> Result<RootView, ViewError> {
    let gone = |error: stead_sys::Error| match error.io_kind() {
        std::io::ErrorKind::NotFound => ViewError::Gone { pid },
        // ESRCH has no kind of its own.
        _ if error.errno() == Some(3) => ViewError::Gone { pid },
        _ => ViewError::Sys(error),
    };
    let process = kernel::dir_handle(Path::new(&format!("/proc/{pid}"))).map_err(gone)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&process);
    let root = kernel::handle(Path::new(&format!("/proc/self/fd/{number}/root"))).map_err(gone)?;
    Ok(RootView { root, _kept: Kept::Process { _proc: process } })
}

/// The root file system of a running process without what is mounted in it, held by one descriptor.
///
/// # Errors
/// [`ViewError::Gone`].
pub fn open_rootfs(pid: u32) -> Result<OwnedFd, ViewError> {
    let table = std::path::PathBuf::from(format!("/proc/{pid}/ns/mnt"));
    kernel::clone_from(&table, Path::new("/")).map_err(|error| match error.errno() {
        Some(ENOENT | ESRCH) => ViewError::Gone { pid },
        _ => ViewError::Sys(error),
    })
}

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;

/// The view of a container that does not run: its root file system with its mounts on it. What lives only as long as a process (tmpfs,
/// `/proc`) is left out, as Docker leaves it out: a file copied there would be gone at the next start.
///
/// The caller holds the lock that keeps the container from being started meanwhile: overlayfs wants its upper directory for itself.
/// `user` is the one the container runs as, by whom mounts with mapped ids go. A layer that would be thrown away at the next start is left
/// out too, and what it would cover is read-only.
///
/// # Errors
/// As the container's start would fail.
pub fn open_stopped(rootfs: &Mount, mounts: &[Mount], user: &str) -> Result<RootView, ViewError> {
    let root = stead_mount::prepare(rootfs)?;
    let mut rest = Vec::new();
    for mount in mounts.iter().filter(|mount| is_kept(&mount.source)) {
        let tree = root.tree().ok_or(ViewError::Thread)?;
        let who = |named: &str| crate::user::owner(tree, if named.is_empty() { user } else { named });
        rest.push(stead_mount::prepare_as(&seen(mount), &who)?);
    }
    let sealed = rootfs.clone();
    let (say, said) = mpsc::channel();
    let (hold, held) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("view".to_owned())
        .spawn(move || keep(root, rest, &sealed, &say, &held))
        .map_err(|error| stead_sys::Error::new("spawn", "view", error))?;
    let table = Table { hold: Some(hold), thread: Some(thread) };
    let root = said.recv().map_err(|_closed| ViewError::Thread)??;
    Ok(RootView { root, _kept: Kept::Table { _thread: table } })
}

/// A mount as it is looked at: nothing is given to anybody for a look.
fn seen(mount: &Mount) -> Mount {
    // Shared with the host, a mount made below it here would appear there.
    let mut seen = Mount { propagation: Propagation::RPrivate, chown: false, relabel: None, ..mount.clone() };
    if matches!(seen.over, Some(Over::Throwaway(_))) {
        seen.over = None;
        seen.attr.ro = Ro::Recursive;
    }
    seen
}

fn is_kept(source: &Source) -> bool {
    match source {
        Source::Tmpfs(_) | Source::Proc | Source::Sysfs | Source::Devpts | Source::Mqueue | Source::Cgroup => false,
        Source::Path(_) | Source::Dir { .. } | Source::Overlay { .. } | Source::Image { .. } | Source::Filesystem(_) => true,
    }
}

/// The thread's life: build, hand the root out, wait to be let go, take apart.
fn keep(root: Prepared, rest: Vec<Prepared>, rootfs: &Mount, say: &Sender<Result<OwnedFd, ViewError>>, held: &Receiver<()>) {
    let built = build(root, rest, rootfs);
    let tree = match built.and_then(|tree| {
        let copy = tree.try_clone().map_err(|error| stead_sys::Error::new("dup", "view", error))?;
        Ok((tree, copy))
    }) {
        Ok((tree, copy)) => {
            // A receiver that is gone wants no view: the end of this function takes it apart.
            say.send(Ok(copy)).ok();
            tree
        }
        Err(error) => {
            say.send(Err(error)).ok();
            return;
        }
    };
    // Closed by the other side's drop: that is the signal.
    held.recv().ok();
    // At once and here, rather than when the kernel gets round to a mount table without users: the next start mounts the same directories.
    kernel::detach(&tree, Path::new("view")).ok();
}

fn build(root: Prepared, rest: Vec<Prepared>, rootfs: &Mount) -> Result<OwnedFd, ViewError> {
    kernel::unshare_mounts()?;
    // With its mount table this thread has a mask of its own.
    stead_sys::credential::set_umask(crate::init::MOUNT_POINT_UMASK);
    let place = PLACES.iter().find_map(|place| kernel::dir_handle(Path::new(place)).ok()).ok_or(ViewError::Thread)?;
    let tree = root.into_tree().ok_or(ViewError::Thread)?;
    kernel::attach(&tree, &place, Path::new("view"))?;
    for mount in rest {
        match stead_mount::attach(tree.as_fd(), mount) {
            // A file of /proc or /sys: nothing can be copied there anyway.
            Ok(()) | Err(ApplyError::Forbidden(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    stead_mount::seal_rootfs(tree.as_fd(), rootfs)?;
    Ok(tree)
}

/// Lets the thread go and waits until its mounts are gone.
#[derive(Debug)]
struct Table {
    hold: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        drop(self.hold.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, and its mount table with it.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests;
