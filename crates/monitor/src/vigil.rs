//! Being there at a birth: a client of the API attaches first and starts after that, with two requests that know nothing of each other.
//!
//! Who waits listens on a socket of its own in the container's run directory. Who starts the container, whichever process that is, calls at each of
//! them between the monitor's readiness and the birth, and goes on once they are attached, are dead, or have had their time.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use stead_base::layout::RunRoot;
use stead_sys::durable;

use crate::address::with_short_path;

/// How long a start waits for all who want to be there.
const PATIENCE: Duration = Duration::from_secs(2);
/// So often a directory is made again that others take away.
const TRIES: usize = 20;

/// One who waits for a birth. Ready to be read when somebody calls; gone from the disk when dropped.
#[derive(Debug)]
pub struct Vigil {
    listener: OwnedFd,
    path: PathBuf,
}

impl AsFd for Vigil {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// A start that waits for us.
#[derive(Debug)]
pub struct Call(OwnedFd);

impl Call {
    /// Says that we are there: the container may be born.
    pub fn answer(self) {
        crate::tolerate(rustix::net::send(&self.0, b"!", rustix::net::SendFlags::NOSIGNAL));
    }
}

impl Vigil {
    /// Begins to wait at a container.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn keep(run_root: &RunRoot, id: &str) -> stead_sys::Result<Self> {
        let dir = run_root.vigils(id);
        let path = dir.join(durable::unique_name()?);
        let failed = |op, errno| stead_sys::Error::new(op, &path, errno);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(|e| failed("socket", e))?;
        let bind = || with_short_path(&path, |short| rustix::net::bind(&listener, &SocketAddrUnix::new(short)?));
        // Both directories may be there, and others take them away where they are empty.
        let mut bound = Err(rustix::io::Errno::NOENT);
        for _ in 0..TRIES {
            crate::tolerate(durable::make_dir(&run_root.container(id), 0o711));
            crate::tolerate(durable::make_dir(&dir, 0o700));
            bound = bind();
            if bound != Err(rustix::io::Errno::NOENT) {
                break;
            }
        }
        bound.map_err(|e| failed("bind", e))?;
        rustix::net::listen(&listener, 4).map_err(|e| failed("listen", e))?;
        Ok(Self { listener, path })
    }

    /// Who calls, if somebody does. Does not wait.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC).ok().map(Call)
    }

    /// Whether the container's run directory still has us: it goes with the container.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        crate::tolerate(rustix::fs::unlink(&self.path));
        // Only the last one out finds it empty.
        if let Some(dir) = self.path.parent() {
            crate::tolerate(rustix::fs::rmdir(dir));
        }
    }
}

/// Whether anybody waits.
#[must_use]
pub fn is_kept(run_root: &RunRoot, id: &str) -> bool {
    std::fs::read_dir(run_root.vigils(id)).is_ok_and(|mut entries| entries.next().is_some())
}

/// Calls at all who wait and returns when they are there. The monitor must answer already.
pub fn call(run_root: &RunRoot, id: &str) {
    let Ok(entries) = std::fs::read_dir(run_root.vigils(id)) else { return };
    let until = Instant::now() + PATIENCE;
    let called: Vec<OwnedFd> = entries.flatten().filter_map(|entry| connect(&entry.path())).collect();
    for socket in called {
        let left = until.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: i64::from(left.subsec_nanos()) };
        // An answer and a hang-up are both the end of this one.
        crate::tolerate(poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&wait)));
    }
}

fn connect(path: &Path) -> Option<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    match with_short_path(path, |short| rustix::net::connect(&socket, &SocketAddrUnix::new(short)?)) {
        Ok(()) => Some(socket),
        Err(rustix::io::Errno::CONNREFUSED) => {
            // Its owner is dead.
            crate::tolerate(rustix::fs::unlink(path));
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_start_waits_until_everybody_is_there() {
        let dir = TestDir::new("vigil");
        let run_root = RunRoot::new(dir.path());
        std::fs::create_dir(run_root.containers()).unwrap();
        let id = "a".repeat(64);
        assert!(!is_kept(&run_root, &id));
        let vigil = Vigil::keep(&run_root, &id).unwrap();
        let dead = Vigil::keep(&run_root, &id).unwrap();
        std::fs::hard_link(&dead.path, run_root.vigils(&id).join("left")).unwrap();
        drop(dead);
        assert!(is_kept(&run_root, &id) && vigil.stands() && vigil.call().is_none());
        let began = Instant::now();
        let starter = std::thread::spawn({
            let (run_root, id) = (run_root.clone(), id.clone());
            move || call(&run_root, &id)
        });
        let who = loop {
            if let Some(who) = vigil.call() {
                break who;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        std::thread::sleep(Duration::from_millis(50));
        assert!(!starter.is_finished());
        who.answer();
        starter.join().unwrap();
        assert!(began.elapsed() < PATIENCE);
        drop(vigil);
        assert!(!run_root.vigils(&id).exists());
    }
}
