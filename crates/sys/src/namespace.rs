//! Namespaces: entering, making and naming them; the loopback of a new network namespace; changing the root.

#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::thread::ThreadNameSpaceType;

pub use rustix::thread::UnshareFlags as NamespaceFlags;

use crate::{Error, Result};

/// Moves this thread into new namespaces.
pub fn unshare(flags: NamespaceFlags) -> Result<()> {
    // SAFETY: the flags are namespaces; the descriptor table is shared by nobody who relies on it (CLONE_FILES is not used by us).
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(|errno| Error::new("unshare", "namespaces", errno))
}

/// Moves this thread into one namespace by a descriptor of `/proc/PID/ns/X` or a bind of it. A pid namespace takes children only.
pub fn enter(namespace: BorrowedFd<'_>) -> Result<()> {
    rustix::thread::move_into_link_name_space(namespace, None).map_err(|errno| Error::new("setns", "namespace", errno))
}

/// Opens a namespace file and moves this thread into it.
pub fn enter_path(path: &Path) -> Result<()> {
    let fd = open(path)?;
    rustix::thread::move_into_link_name_space(fd.as_fd(), None).map_err(|errno| Error::new("setns", path, errno))
}

/// Opens a namespace file.
pub fn open(path: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Error::new("open", path, errno))
}

/// Moves this thread into several namespaces of a process at once (Linux 5.8).
pub fn enter_of(pidfd: BorrowedFd<'_>, flags: NamespaceFlags) -> Result<()> {
    let types = ThreadNameSpaceType::from_bits_retain(flags.bits());
    rustix::thread::move_into_thread_name_spaces(pidfd, types).map_err(|errno| Error::new("setns", "pidfd", errno))
}

/// Names the host of this UTS namespace.
pub fn set_hostname(name: &str) -> Result<()> {
    rustix::system::sethostname(name.as_bytes()).map_err(|errno| Error::new("sethostname", name, errno))
}

/// Names the NIS domain of this UTS namespace.
pub fn set_domainname(name: &str) -> Result<()> {
    rustix::system::setdomainname(name.as_bytes()).map_err(|errno| Error::new("setdomainname", name, errno))
}

/// Brings the loopback of this network namespace up; the kernel gives it 127.0.0.1 and ::1 by itself.
pub fn loopback_up() -> Result<()> {
    let failed = |error: std::io::Error| Error::new("bring up", "lo", error);
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .map_err(|errno| failed(errno.into()))?;
    // SAFETY: an all-zero ifreq is a valid value of this plain C structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *slot = libc::c_char::from_ne_bytes([*byte]);
    }
    // SAFETY: the kernel reads the name and writes the flags of the structure it is given.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) } < 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    // SAFETY: SIOCGIFFLAGS filled this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: the kernel reads the name and the flags of the structure it is given.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) } < 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    Ok(())
}

/// Makes a network namespace with a loopback that is up, and runs `inside` in it. It lives as long as somebody holds it.
///
/// Another thread does it, so this one stays where it is.
pub fn new_network<T: Send>(inside: impl FnOnce() -> T + Send) -> Result<(OwnedFd, T)> {
    on_a_thread(|| {
        unshare(NamespaceFlags::NEWNET)?;
        let namespace = open(Path::new("/proc/thread-self/ns/net"))?;
        loopback_up()?;
        Ok((namespace, inside()))
    })
}

/// Runs `inside` in another network namespace, on another thread.
pub fn within<T: Send>(namespace: BorrowedFd<'_>, inside: impl FnOnce() -> T + Send) -> Result<T> {
    on_a_thread(|| {
        enter(namespace)?;
        Ok(inside())
    })
}

fn on_a_thread<T: Send>(act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, act);
        let ended = thread.map_err(|error| Error::new("clone", "thread", error))?.join();
        ended.unwrap_or_else(|_panic| Err(Error::new("join", "thread", std::io::Error::other("it panicked"))))
    })
}

/// Stops mount events between this mount namespace and the one it was copied from.
pub fn make_root_private() -> Result<()> {
    rustix::mount::mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|errno| Error::new("make private", "/", errno))
}

/// Makes `root`, a mount attached somewhere below the present root, the root of this process, and detaches the old one.
///
/// Where the present root is the kernel's initial RAM disk, which cannot be pivoted, the new root (which must then cover `/`) is entered
/// with chroot instead, as Docker's DOCKER_RAMDISK mode does.
pub fn pivot_into(root: BorrowedFd<'_>) -> Result<()> {
    rustix::process::fchdir(root).map_err(|errno| Error::new("fchdir", "new root", errno))?;
    match rustix::process::pivot_root(c".", c".") {
        Ok(()) => {
            // The old root is now stacked on the new one at ".": take it off, with everything below it.
            rustix::mount::unmount(c".", UnmountFlags::DETACH).map_err(|errno| Error::new("umount", "old root", errno))?;
        }
        Err(rustix::io::Errno::INVAL) => {
            rustix::process::chroot(c".").map_err(|errno| Error::new("chroot", "new root", errno))?;
        }
        Err(errno) => return Err(Error::new("pivot_root", "new root", errno)),
    }
    rustix::process::chdir(c"/").map_err(|errno| Error::new("chdir", "/", errno))
}

/// Changes the working directory. Links of /proc to open files are refused (`ELOOP`): through `/proc/self/fd` a path could lead to
/// whatever the engine holds open (CVE-2024-21626).
pub fn chdir(path: &CStr) -> Result<()> {
    let failed = |errno| Error::new("chdir", path.to_string_lossy().as_ref(), errno);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS).map_err(failed)?;
    rustix::process::fchdir(dir).map_err(failed)
}

/// Whether the working directory lies inside the present root. The kernel prefixes `(unreachable)` where it does not, which is how a
/// leaked descriptor of the host would show (CVE-2024-21626).
pub fn cwd_is_inside_root() -> bool {
    rustix::process::getcwd(Vec::new()).is_ok_and(|path| path.as_bytes().first() == Some(&b'/'))
}

/// Mounts by path with no data; for the few places that have no descriptor to work with.
pub fn mount_bind(source: &Path, target: &Path) -> Result<()> {
    rustix::mount::mount(source, target, c"", MountFlags::BIND, None).map_err(|errno| Error::new("mount", target, errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{spawn, wait};

    fn in_new(flags: NamespaceFlags, body: impl FnOnce() -> bool) {
        let child = spawn(flags, None, || i32::from(!body())).unwrap();
        assert_eq!(wait(child.pidfd.as_fd()).unwrap().status(), 0);
    }

    #[test]
    fn a_new_network_has_a_loopback_that_answers() {
        in_new(NamespaceFlags::NEWNET, || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let answers = || std::net::TcpStream::connect(listener.local_addr().unwrap()).is_ok();
            let before = answers();
            loopback_up().unwrap();
            !before && answers()
        });
    }

    #[test]
    fn names_stay_in_their_namespace() {
        let before = rustix::system::uname().nodename().to_owned();
        in_new(NamespaceFlags::NEWUTS, || {
            set_hostname("inside").unwrap();
            set_domainname("inside.domain").unwrap();
            rustix::system::uname().nodename() == c"inside"
        });
        assert_eq!(rustix::system::uname().nodename(), before.as_c_str());
    }

    #[test]
    fn another_process_s_namespaces_can_be_entered() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let child = spawn(NamespaceFlags::NEWUTS, None, || {
            set_hostname("theirs").unwrap();
            drop(writer);
            crate::signal::wait_any();
            0
        })
        .unwrap();
        std::io::Read::read_to_end(&mut reader, &mut Vec::new()).unwrap();
        in_new(NamespaceFlags::empty(), || {
            enter_of(child.pidfd.as_fd(), NamespaceFlags::NEWUTS).unwrap();
            rustix::system::uname().nodename() == c"theirs"
        });
        crate::process::pidfd_send_signal(child.pidfd.as_fd(), libc::SIGKILL).unwrap();
        wait(child.pidfd.as_fd()).unwrap();
    }

    #[test]
    fn the_working_directory_is_judged() {
        assert!(cwd_is_inside_root());
        in_new(NamespaceFlags::empty(), || {
            rustix::process::chroot("/proc").unwrap();
            !cwd_is_inside_root()
        });
    }
}
