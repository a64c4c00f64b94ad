//! Another OCI runtime (`--runtime crun`): the same plan as a bundle, and the calls.
//!
//! Sources are still resolved and held by descriptor here: the root file system and the user's mounts are attached in a mount namespace
//! of a helper process, which then becomes the runtime. The host sees no mount, and a runtime that resolves paths finds only ours.

mod config;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use stead_mount::{Owner, Prepared, attach, attach_own};
use stead_sys::namespace::{self, NamespaceFlags};
use stead_sys::{durable, mount, process, socket};

pub use config::config_json;

use crate::confine::place_streams;
use crate::init::ChildStdio;
use crate::launch::{Child, ChildIo, LaunchError, LaunchErrorKind, Stdio, prepare_as, streams};
use crate::spec::Plan;
use crate::user;

/// Where runtimes are looked for; never in a caller's or a container's PATH.
const PLACES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Mounts the runtime covers with its own file systems, so that ours must be made by it, after those.
fn is_late(target: &Path) -> bool {
    ["/dev", "/proc", "/sys"].iter().any(|own| target.starts_with(own))
}

/// Starts a plan's first process by another runtime. As [`crate::launch::start`].
pub(crate) fn start(plan: &Plan, runtime: &str, stdio: Stdio) -> Result<Child, LaunchError> {
    let program = find(runtime)?;
    let bundle = Bundle::new(plan)?;
    let prepare = |mount| stead_mount::prepare(mount).map_err(|error| LaunchError::setup(error.to_string()));
    let rootfs = prepare(&plan.rootfs)?.into_tree().ok_or_else(|| LaunchError::setup("the root file system is not a file system"))?;
    let identity = user::lookup(rootfs.as_fd(), &plan.process.user, &plan.process.group_add)?;
    let runs_as = Owner { uid: identity.uid, gid: identity.gid };
    let engine_files = plan.engine_files.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
    let mounts = plan.mounts.iter().map(|mount| prepare_as(mount, runs_as, rootfs.as_fd())).collect::<Result<Vec<_>, _>>()?;
    let config = config::document(plan, &identity, &bundle.rootfs(), |at| bundle.late(at))?;
    let text = serde_json::to_vec(&config).map_err(|error| LaunchError::setup(error.to_string()))?;
    durable::replace_file(&bundle.path("config.json"), &text, 0o600)?;
    // The process becomes an orphan when the runtime has made it, and must become ours.
    process::become_subreaper()?;
    let (theirs, ours) = streams(stdio)?;
    let console = match &theirs {
        ChildStdio::Pty(_) => Some(socket::listen(&bundle.path("console.sock"), 0o600)?),
        ChildStdio::Pipes(_) => None,
    };
    let child = process::spawn(NamespaceFlags::NEWNS, None, || {
        match become_runtime(plan, &bundle, &program, rootfs, engine_files, mounts, &theirs) {
            Ok(never) => match never {},
            Err(error) => {
                drop(durable::replace_file(&bundle.path("log"), error.message.as_bytes(), 0o600));
                125
            }
        }
    })?;
    drop(theirs);
    let exit = process::wait(child.pidfd.as_fd())?;
    if exit.status() != 0 {
        return Err(bundle.failure(runtime));
    }
    let io = match ours {
        Some(io) => io,
        None => ChildIo::Pty(terminal(console.as_ref(), stdio)?),
    };
    let pid = bundle.pid()?;
    let pidfd = process::pidfd_open(pid)?;
    // Made and begun in two steps: a program that ends at once must already be our child, or its exit code would be lost.
    let mut command = bundle.command(&program);
    command.arg("start").arg(&plan.id);
    let started = command.status().map_err(|error| LaunchError::setup(format!("exec {}: {error}", program.display())))?;
    if !started.success() {
        return Err(bundle.failure(runtime));
    }
    Ok(Child { pid, pidfd, io, warnings: Vec::new() })
}

/// The directory the runtime reads.
struct Bundle(PathBuf);

impl Bundle {
    fn new(plan: &Plan) -> Result<Self, LaunchError> {
        let bundle = Self(plan.bundle.clone());
        for name in ["rootfs", "late", "state"] {
            durable::create_dir_all(&bundle.path(name), 0o700)?;
        }
        for name in ["pid", "log"] {
            match durable::remove_file(&bundle.path(name)) {
                Err(error) if error.io_kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(bundle)
    }

    /// The runtime with the options before its verb.
    fn command(&self, program: &Path) -> std::process::Command {
        let mut command = process::command(program);
        command.arg("--root").arg(self.path("state")).arg("--log").arg(self.path("log")).args(["--log-format", "json"]);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn rootfs(&self) -> PathBuf {
        self.path("rootfs")
    }

    /// Where a mount that the runtime makes itself lies.
    fn late(&self, at: usize) -> PathBuf {
        self.path("late").join(at.to_string())
    }

    fn pid(&self) -> Result<i32, LaunchError> {
        let path = self.path("pid");
        let text = std::fs::read_to_string(&path).map_err(|error| LaunchError::setup(format!("read {}: {error}", path.display())))?;
        text.trim().parse().map_err(|_no_number| LaunchError::setup(format!("{} holds no process id", path.display())))
    }

    /// What the runtime logged, with the exit code its words mean.
    fn failure(&self, runtime: &str) -> LaunchError {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        let message = log
            .lines()
            .rev()
            .find_map(|line| {
                let entry: serde_json::Value = serde_json::from_str(line).ok()?;
                entry.get("msg").and_then(|text| text.as_str()).map(str::to_owned)
            })
            .unwrap_or_else(|| log.lines().last().unwrap_or("failed without a word").to_owned());
        let lower = message.to_lowercase();
        let kind = if lower.contains("executable file") || (lower.contains("exec") && lower.contains("no such file")) {
            LaunchErrorKind::NotFound
        } else if lower.contains("permission denied") || lower.contains("is a directory") {
            LaunchErrorKind::NotExecutable
        } else {
            LaunchErrorKind::Setup
        };
        LaunchError { kind, message: format!("OCI runtime create failed: {runtime}: {message}") }
    }
}

/// The file of a runtime by name or path.
pub fn find(runtime: &str) -> Result<PathBuf, LaunchError> {
    let candidates: Vec<PathBuf> =
        if runtime.starts_with('/') { vec![runtime.into()] } else { PLACES.iter().map(|dir| Path::new(dir).join(runtime)).collect() };
    let usable = |path: &PathBuf| !runtime.is_empty() && !runtime.contains("..") && path.is_file();
    candidates.into_iter().find(usable).ok_or_else(|| LaunchError::setup(format!("unknown or invalid runtime name: {runtime}")))
}

enum Never {}

fn become_runtime(
    plan: &Plan,
    bundle: &Bundle,
    program: &Path,
    rootfs: OwnedFd,
    engine_files: Vec<Prepared>,
    mounts: Vec<Prepared>,
    stdio: &ChildStdio,
) -> Result<Never, LaunchError> {
    let refused = |error: stead_mount::ApplyError| LaunchError::setup(error.to_string());
    stead_sys::credential::set_umask(crate::init::MOUNT_POINT_UMASK);
    namespace::make_root_private()?;
    hide_hybrid()?;
    let path = bundle.rootfs();
    mount::attach(&rootfs, mount::dir_handle(&path)?, &path)?;
    for file in engine_files {
        attach_own(rootfs.as_fd(), file).map_err(refused)?;
    }
    for (at, user) in mounts.into_iter().enumerate() {
        if is_late(&user.mount().target) {
            late(&bundle.late(at), user)?;
        } else {
            attach(rootfs.as_fd(), user).map_err(refused)?;
        }
    }
    drop(rootfs);
    let mut command = bundle.command(program);
    command.args(["create".into(), "--bundle".into(), bundle.0.clone(), "--pid-file".into(), bundle.path("pid")]);
    if matches!(stdio, ChildStdio::Pty(_)) {
        command.arg("--console-socket").arg(bundle.path("console.sock"));
    }
    command.arg(&plan.id).current_dir(&bundle.0);
    forget_last(plan, bundle, program);
    if let ChildStdio::Pipes([input, output, errors]) = stdio {
        place_streams([input.as_fd(), output.as_fd(), errors.as_fd()], 0)?;
    }
    Err(LaunchError::setup(format!("exec {}: {}", program.display(), command.exec())))
}

/// crun refuses a machine whose v2 hierarchy, mounted beside v1, has a controller left. Its containers live in v1 there, so the v2
/// mount is taken out of the helper's own view.
fn hide_hybrid() -> Result<(), LaunchError> {
    let layout = stead_sys::cgroup::detect()?;
    if let (true, Some(unified)) = (layout.is_hybrid(), &layout.v2) {
        mount::detach(mount::dir_handle(unified)?, unified)?;
    }
    Ok(())
}

/// Attaches a mount at a place of its own, from which the runtime takes it.
fn late(place: &Path, user: Prepared) -> Result<(), LaunchError> {
    let target = user.mount().target.clone();
    let tree = user.into_tree().ok_or_else(|| LaunchError::setup(format!("{} cannot be mounted by another runtime", target.display())))?;
    if mount::shape(&tree, &target)?.is_dir {
        durable::create_dir_all(place, 0o700)?;
    } else {
        durable::replace_file(place, b"", 0o600)?;
    }
    mount::attach(&tree, mount::handle(place)?, &target)?;
    Ok(())
}

/// A container that ran before is still known to the runtime.
fn forget_last(plan: &Plan, bundle: &Bundle, program: &Path) {
    if bundle.path("state").join(&plan.id).exists() {
        let mut command = process::command(program);
        command.arg("--root").arg(bundle.path("state")).args(["delete", "--force", &plan.id]);
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        // If this fails, the run that follows says why.
        drop(command.status());
    }
}

/// The master end the runtime sent.
fn terminal(console: Option<&UnixListener>, stdio: Stdio) -> Result<OwnedFd, LaunchError> {
    let failed = |words: &str| LaunchError::setup(format!("console socket: {words}"));
    let listener = console.ok_or_else(|| failed("not open"))?;
    listener.set_nonblocking(true).map_err(|error| failed(&error.to_string()))?;
    let (stream, _) = listener.accept().map_err(|error| failed(&error.to_string()))?;
    stream.set_nonblocking(false).map_err(|error| failed(&error.to_string()))?;
    let message = socket::receive(stream.as_fd(), &mut [0; 4096])?;
    let master = message.descriptors.into_iter().next().ok_or_else(|| failed("no terminal came"))?;
    if let Stdio::Pty { size: Some(size) } = stdio {
        stead_sys::tty::set_size(master.as_fd(), size.rows, size.cols)?;
    }
    Ok(OwnedFd::from(File::from(master)))
}

#[cfg(test)]
mod tests;
