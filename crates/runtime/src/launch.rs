//! The parent's half of a birth: what is opened, made and mounted on the host side before the child exists.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use stead_mount::{Mount, Owner, Prepared};
use stead_sys::namespace::{self, NamespaceFlags};
use stead_sys::process::{self, Spawned};

use crate::confine::Confinement;
use crate::init::{self, ChildStdio, Job};
use crate::report::{self, Listener};
use crate::spec::{Namespace, NetNamespace, Plan};
use crate::{bundle, cgroup, device, seccomp, user};

/// What the process's standard streams are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Pipes; without `stdin` the process reads /dev/null.
    Pipes {
        /// Whether a pipe is made for the standard input.
        stdin: bool,
    },
    /// A terminal of the container's own /dev/pts.
    Pty {
        /// Its first size.
        size: Option<WindowSize>,
    },
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// A process that has been born: its program runs.
#[derive(Debug)]
pub struct Child {
    /// Process id as this process sees it. The child is ours to wait for.
    pub pid: i32,
    /// Handle for signals and waiting.
    pub pidfd: OwnedFd,
    /// Our ends of its streams.
    pub io: ChildIo,
    /// What was asked and could only be given in part (a limit clamped); one line each.
    pub warnings: Vec<String>,
}

/// Our ends of a process's standard streams. All are close-on-exec and blocking.
#[derive(Debug)]
pub enum ChildIo {
    /// Pipes.
    Pipes {
        /// To its standard input, where one was asked for.
        stdin: Option<OwnedFd>,
        /// From its standard output.
        stdout: OwnedFd,
        /// From its standard error.
        stderr: OwnedFd,
    },
    /// The master of its terminal.
    Pty(OwnedFd),
}

/// How a birth failed; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchErrorKind {
    /// The program does not exist: 127.
    NotFound,
    /// The program cannot be executed: 126.
    NotExecutable,
    /// Something before the program: 125 when asked by `run`.
    Setup,
}

/// Why a birth failed; the message holds runc's and Docker's essential words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LaunchError {
    /// How it failed.
    pub kind: LaunchErrorKind,
    /// One line.
    pub message: String,
}

impl LaunchErrorKind {
    /// The exit code Docker gives the container and `docker run`.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::NotFound => 127,
            Self::NotExecutable => 126,
            Self::Setup => 125,
        }
    }
}

impl LaunchError {
    pub(crate) fn setup(message: impl Into<String>) -> Self {
        Self { kind: LaunchErrorKind::Setup, message: message.into() }
    }

    /// The universal kind.
    pub fn kind(&self) -> stead_base::Kind {
        match self.kind {
            LaunchErrorKind::NotFound => stead_base::Kind::NotFound,
            LaunchErrorKind::NotExecutable => stead_base::Kind::Invalid,
            LaunchErrorKind::Setup => stead_base::Kind::Internal,
        }
    }
}

/// Gives birth to the first process of a container and returns once its program runs.
///
/// The caller should have a single thread: the child is a bare `clone3` of it and allocates memory before it executes.
/// Mounts are prepared in the caller's mount namespace. The control group is made here; it stays until [`crate::cgroup::delete`],
/// after a failure too where a process is still inside.
pub fn start(plan: &Plan, stdio: Stdio) -> Result<Child, LaunchError> {
    if let Some(runtime) = &plan.runtime {
        return bundle::start(plan, runtime, stdio);
    }
    if let Some(missing) = device::missing(plan) {
        return Err(LaunchError::setup(missing));
    }
    let rootfs = prepare(&plan.rootfs)?.into_tree().ok_or_else(|| LaunchError::setup("the root file system is not a file system"))?;
    let identity = user::lookup(rootfs.as_fd(), &plan.process.user, &plan.process.group_add)?;
    let filter = seccomp::filter(plan, &plan.process.caps)?;
    let runs_as = Owner { uid: identity.uid, gid: identity.gid };
    let confinement = Confinement::new(&plan.process, identity, &plan.process.caps, filter);
    let engine_files = plan.engine_files.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
    let mounts = plan.mounts.iter().map(|mount| prepare_as(mount, runs_as, rootfs.as_fd())).collect::<Result<Vec<_>, _>>()?;
    let shm = shared_memory_of_another(plan)?;
    let group = cgroup::create(plan)?;
    let (theirs, ours) = streams(stdio)?;
    let (listener, reporter) = report::pair()?;
    let job = Job { plan, rootfs, engine_files, mounts, shm, group: &group, confinement: &confinement, stdio: &theirs, reporter };
    let spawned = spawn(plan, &group, job);
    drop(theirs);
    let born = spawned.and_then(|child| finish(child, listener, ours));
    match born {
        Ok(mut child) => {
            child.warnings.splice(0..0, group.warnings);
            Ok(child)
        }
        Err(error) => {
            drop(group);
            // Groups of a birth that failed are empty by now; if not, the monitor's end of the container removes them.
            drop(cgroup::delete(plan));
            Err(error)
        }
    }
}

fn prepare(mount: &Mount) -> Result<Prepared, LaunchError> {
    stead_mount::prepare(mount).map_err(|error| LaunchError::setup(error.to_string()))
}

/// A mount of the user's. Some have to do with whom the container runs as, or with another user of its files.
pub(crate) fn prepare_as(mount: &Mount, runs_as: Owner, rootfs: BorrowedFd<'_>) -> Result<Prepared, LaunchError> {
    let who = |named: &str| if named.is_empty() { Ok(runs_as) } else { user::owner(rootfs, named) };
    stead_mount::prepare_as(mount, &who).map_err(|error| LaunchError::setup(error.to_string()))
}

/// Who joins another's IPC namespace has its /dev/shm too: POSIX shared memory lives there.
fn shared_memory_of_another(plan: &Plan) -> Result<Option<OwnedFd>, LaunchError> {
    match &plan.namespaces.ipc {
        Namespace::Path(path) => Ok(Some(stead_sys::mount::clone_from(&path.with_file_name("mnt"), Path::new("/dev/shm"))?)),
        Namespace::Container(id) => Err(LaunchError::setup(format!("container {id} was not looked up"))),
        Namespace::New | Namespace::Host => Ok(None),
    }
}

/// The streams the child gets and those the parent keeps.
pub(crate) fn streams(stdio: Stdio) -> Result<(ChildStdio, Option<ChildIo>), LaunchError> {
    let Stdio::Pipes { stdin } = stdio else {
        let Stdio::Pty { size } = stdio else { return Err(LaunchError::setup("no streams")) };
        return Ok((ChildStdio::Pty(size), None));
    };
    let pipe = || std::io::pipe().map_err(|error| LaunchError::setup(format!("pipe: {error}")));
    let (output, program_output) = pipe()?;
    let (errors, program_errors) = pipe()?;
    let (program_input, input) = if stdin {
        let (theirs, ours) = pipe()?;
        (OwnedFd::from(theirs), Some(ours.into()))
    } else {
        let null = stead_sys::device::open_verified(Path::new("/dev/null"), device::NULL, stead_sys::path::OFlags::RDWR)?;
        (null, None)
    };
    let theirs = ChildStdio::Pipes([program_input, program_output.into(), program_errors.into()]);
    Ok((theirs, Some(ChildIo::Pipes { stdin: input, stdout: output.into(), stderr: errors.into() })))
}

fn spawn(plan: &Plan, group: &cgroup::Group, job: Job<'_>) -> Result<Spawned, LaunchError> {
    let wanted = &plan.namespaces;
    let mut flags = NamespaceFlags::NEWNS;
    for (namespace, flag) in
        [(&wanted.ipc, NamespaceFlags::NEWIPC), (&wanted.pid, NamespaceFlags::NEWPID), (&wanted.uts, NamespaceFlags::NEWUTS)]
    {
        if *namespace == Namespace::New {
            flags |= flag;
        }
    }
    if wanted.net == NetNamespace::None {
        flags |= NamespaceFlags::NEWNET;
    }
    let birthplace = group.birthplace.as_ref().map(AsFd::as_fd);
    let born = || process::spawn(flags, birthplace, || init::run(job)).map_err(LaunchError::from);
    match &wanted.pid {
        Namespace::Path(path) => in_pid_namespace(&namespace::open(path)?, born),
        Namespace::Container(id) => Err(LaunchError::setup(format!("container {id} was not looked up"))),
        Namespace::New | Namespace::Host => born(),
    }
}

/// Runs `make` with children going to another pid namespace, and puts this thread back afterwards.
pub(crate) fn in_pid_namespace<T>(other: &OwnedFd, make: impl FnOnce() -> Result<T, LaunchError>) -> Result<T, LaunchError> {
    let own = namespace::open(Path::new("/proc/self/ns/pid"))?;
    namespace::enter(other.as_fd())?;
    let made = make();
    namespace::enter(own.as_fd())?;
    made
}

/// Waits for the verdict of a child that was made.
pub(crate) fn finish(child: Spawned, listener: Listener, ours: Option<ChildIo>) -> Result<Child, LaunchError> {
    let report = listener.hear();
    let failed = |error: LaunchError| {
        // It has reported and exits, or it was killed before it could say anything.
        drop(process::wait(child.pidfd.as_fd()));
        error
    };
    if let Some(error) = report.failure {
        return Err(failed(error));
    }
    let io = match (ours, report.master) {
        (Some(io), _) => io,
        (None, Some(master)) => ChildIo::Pty(master),
        (None, None) => return Err(failed(LaunchError::setup("the process ended before its program was executed"))),
    };
    // A process that was killed (out of memory, a filter) closed the socket just like one that executed its program did; its own
    // waiter sees how it ended.
    Ok(Child { pid: child.pid, pidfd: child.pidfd, io, warnings: report.warnings })
}

/// Docker's choice: a view of its own on v2, the host's on v1.
pub(crate) fn cgroup_namespace(plan: &Plan) -> Namespace {
    match &plan.namespaces.cgroup {
        Some(namespace) => namespace.clone(),
        None if cgroup::version() == "2" && !plan.privileged => Namespace::New,
        None => Namespace::Host,
    }
}

impl From<stead_sys::Error> for LaunchError {
    fn from(error: stead_sys::Error) -> Self {
        Self::setup(error.to_string())
    }
}

impl From<cgroup::CgroupError> for LaunchError {
    fn from(error: cgroup::CgroupError) -> Self {
        Self::setup(error.to_string())
    }
}

impl From<user::UserError> for LaunchError {
    fn from(error: user::UserError) -> Self {
        Self::setup(error.to_string())
    }
}

impl From<seccomp::SeccompError> for LaunchError {
    fn from(error: seccomp::SeccompError) -> Self {
        Self::setup(error.to_string())
    }
}

#[cfg(test)]
mod tests;
