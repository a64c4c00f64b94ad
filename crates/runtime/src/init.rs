//! The child's half of a birth: from a copy of the monitor to the program, inside the new namespaces.

use std::os::fd::{AsFd, OwnedFd};

use stead_mount::Prepared;
use stead_sys::namespace::{self, NamespaceFlags};
use stead_sys::{cgroup as kernel, process, tty};

use crate::cgroup::Group;
use crate::confine::{Confinement, place_streams, take_terminal};
use crate::launch::{LaunchError, WindowSize};
use crate::report::Reporter;
use crate::rootfs::{self, Roots};
use crate::spec::{Namespace, NetNamespace, Plan};
use crate::{device, reaper};

/// The child's ends of its streams.
#[derive(Debug)]
pub(crate) enum ChildStdio {
    /// Input, output, error.
    Pipes([OwnedFd; 3]),
    /// A terminal is opened in the container.
    Pty(Option<WindowSize>),
}

/// Everything the parent has prepared.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rootfs: OwnedFd,
    pub(crate) engine_files: Vec<Prepared>,
    pub(crate) mounts: Vec<Prepared>,
    pub(crate) shm: Option<OwnedFd>,
    pub(crate) group: &'a Group,
    pub(crate) confinement: &'a Confinement,
    pub(crate) stdio: &'a ChildStdio,
    pub(crate) reporter: Reporter,
}

/// For what is made on the way to mounts; the program gets its own.
pub(crate) const MOUNT_POINT_UMASK: u32 = 0o022;

/// Runs the child; returns the exit code of a birth that failed, or of the small init.
pub(crate) fn run(job: Job<'_>) -> i32 {
    let reporter = job.reporter;
    let roots =
        Roots { plan: job.plan, tree: job.rootfs, engine_files: job.engine_files, mounts: job.mounts, shm: job.shm, group: job.group };
    let prepared = prepare(job.plan, roots, job.confinement, job.stdio, &reporter);
    // After the change of user, which would forget it. A container without its monitor is nobody's: its addresses, its volumes and its name
    // are given to the next one.
    let prepared = prepared.and_then(|ready| Ok(process::die_with_parent().map(|()| ready)?));
    match prepared {
        Ok(ready) if job.plan.init => reaper::run(job.confinement, &ready, reporter, matches!(job.stdio, ChildStdio::Pty(_))),
        Ok(ready) => {
            let error = job.confinement.seal().err().unwrap_or_else(|| ready.execute());
            reporter.fail(&error);
            error.kind.exit_code()
        }
        Err(error) => {
            reporter.fail(&error);
            error.kind.exit_code()
        }
    }
}

fn prepare(
    plan: &Plan,
    roots: Roots<'_>,
    confinement: &Confinement,
    stdio: &ChildStdio,
    reporter: &Reporter,
) -> Result<crate::confine::Ready, LaunchError> {
    process::set_dumpable(false)?;
    if plan.init {
        // This copy of the monitor stays where the container's processes can look at it.
        process::forget_arguments("stead-init")?;
    }
    join_groups(roots.group)?;
    // The monitor's own would make the directories on the way to a mount root's alone.
    stead_sys::credential::set_umask(MOUNT_POINT_UMASK);
    confinement.set_oom_score(reporter);
    process::setsid()?;
    enter_namespaces(plan)?;
    stead_sys::credential::new_session_keyring(c"_ses")?;
    let built = rootfs::build(roots, confinement)?;
    match stdio {
        ChildStdio::Pipes(streams) => {
            place_streams([streams[0].as_fd(), streams[1].as_fd(), streams[2].as_fd()], confinement.identity.uid)?;
        }
        ChildStdio::Pty(size) => terminal(&built, *size, confinement, reporter)?,
    }
    confinement.drop_rights(reporter)
}

/// Writes this process into its v1 groups. In v2 it was born there.
pub(crate) fn join_groups(group: &Group) -> Result<(), LaunchError> {
    for procs in &group.joins {
        kernel::join(procs.as_fd())?;
    }
    Ok(())
}

/// Namespaces that clone3 did not make, and what a new one needs to be useful.
fn enter_namespaces(plan: &Plan) -> Result<(), LaunchError> {
    let wanted = &plan.namespaces;
    for namespace in [&wanted.ipc, &wanted.uts] {
        if let Namespace::Path(path) = namespace {
            namespace::enter_path(path)?;
        }
    }
    match &wanted.net {
        NetNamespace::None => namespace::loopback_up()?,
        NetNamespace::Path(path) => namespace::enter_path(path)?,
        NetNamespace::Host => {}
    }
    match crate::launch::cgroup_namespace(plan) {
        // Only after the group was joined: the namespace's root is where its first process is.
        Namespace::New => namespace::unshare(NamespaceFlags::NEWCGROUP)?,
        Namespace::Path(path) => namespace::enter_path(&path)?,
        Namespace::Host | Namespace::Container(_) => {}
    }
    if wanted.uts == Namespace::New {
        if !plan.hostname.is_empty() {
            namespace::set_hostname(&plan.hostname)?;
        }
        if !plan.domainname.is_empty() {
            namespace::set_domainname(&plan.domainname)?;
        }
    }
    Ok(())
}

/// Opens a terminal of the container's own /dev/pts, hands its master out, and makes the other end everything the program has.
fn terminal(built: &rootfs::Built, size: Option<WindowSize>, confinement: &Confinement, reporter: &Reporter) -> Result<(), LaunchError> {
    let pty = tty::openpty_in(built.devpts.as_fd())?;
    if let Some(size) = size {
        tty::set_size(pty.master.as_fd(), size.rows, size.cols)?;
    }
    let peer = stead_sys::device::identify(pty.peer.as_fd())?;
    if !peer.is_some_and(|file| (136..=143).contains(&file.id.major)) {
        return Err(LaunchError::setup("the terminal is not a pseudo-terminal"));
    }
    if let Some(dev) = &built.dev {
        console(dev, &pty.peer)?;
    }
    reporter.master(pty.master.as_fd());
    let peer = pty.peer.as_fd();
    place_streams([peer, peer, peer], confinement.identity.uid)?;
    take_terminal(peer)
}

/// /dev/console is the very terminal, mounted by descriptor (CVE-2025-52565).
fn console(dev: &device::Dev, peer: &OwnedFd) -> Result<(), LaunchError> {
    use stead_sys::mount;
    let path = std::path::Path::new("/dev/console");
    let place = dev.console()?;
    let tree = mount::clone_tree(peer, mount::Depth::Top, path)?;
    mount::attach(&tree, &place, path)?;
    Ok(())
}
