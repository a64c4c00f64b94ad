//! One more process in a running container: its namespaces, its control group, the same confinement.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use stead_sys::namespace::{self, NamespaceFlags};
use stead_sys::{process, tty};

use crate::cgroup::{self, Group};
use crate::confine::{Confinement, Ready, place_streams, take_terminal};
use crate::init::{ChildStdio, join_groups};
use crate::launch::{Child, LaunchError, Stdio, WindowSize, finish, in_pid_namespace, streams};
use crate::report::{self, Reporter};
use crate::spec::{ExecProcess, Namespace, NetNamespace, Plan, Process, Seccomp};
use crate::{capability, program, seccomp, user};

/// Starts `process` beside the container's first process, whose id in our namespace is `pid`. See [`crate::launch::start`].
pub fn start(plan: &Plan, pid: i32, process: &ExecProcess, stdio: Stdio) -> Result<Child, LaunchError> {
    let gone = |_error: stead_sys::Error| LaunchError::setup(format!("container {} is not running", plan.id));
    let first = process::pidfd_open(pid).map_err(gone)?;
    let root = stead_sys::path::open_root(&PathBuf::from(format!("/proc/{pid}/root"))).map_err(gone)?;
    let confinement = confinement(plan, process, root.as_fd())?;
    let group = cgroup::existing(plan)?;
    let (theirs, ours) = streams(stdio)?;
    let (listener, reporter) = report::pair()?;
    let body = || run(plan, first.as_fd(), &group, &confinement, &theirs, &reporter);
    let birthplace = group.birthplace.as_ref().map(AsFd::as_fd);
    let make = || process::spawn(NamespaceFlags::empty(), birthplace, body).map_err(LaunchError::from);
    let spawned = if plan.namespaces.pid == Namespace::Host {
        make()
    } else {
        let pids = namespace::open(Path::new(&format!("/proc/{pid}/ns/pid"))).map_err(gone)?;
        in_pid_namespace(&pids, make)
    };
    drop(reporter);
    drop(theirs);
    spawned.and_then(|child| finish(child, listener, ours))
}

/// The container's process with what the exec changes. The user's groups are looked up anew, as Docker does.
fn confinement(plan: &Plan, exec: &ExecProcess, root: BorrowedFd<'_>) -> Result<Confinement, LaunchError> {
    let or = |given: &str, own: &str| if given.is_empty() { own.to_owned() } else { given.to_owned() };
    let user = or(&exec.user, &plan.process.user);
    let identity = user::lookup(root, &user, &plan.process.group_add)?;
    let caps = if exec.privileged { capability::resolve(&[], &[], true).unwrap_or_default() } else { plan.process.caps.clone() };
    let process = Process {
        args: exec.args.clone(),
        env: environment(plan, exec),
        cwd: or(&exec.cwd, &plan.process.cwd),
        user,
        tty: exec.tty,
        seccomp: if exec.privileged { Seccomp::Unconfined } else { plan.process.seccomp.clone() },
        ..plan.process.clone()
    };
    let filter = match &process.seccomp {
        Seccomp::Unconfined => None,
        _ => seccomp::filter(plan, &caps)?,
    };
    Ok(Confinement::new(&process, identity, &caps, filter))
}

/// The container's variables, replaced by the exec's own; a terminal has a name.
fn environment(plan: &Plan, exec: &ExecProcess) -> Vec<String> {
    let key = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    let mut env: Vec<String> =
        plan.process.env.iter().filter(|own| !exec.env.iter().any(|given| key(given) == key(own))).cloned().collect();
    env.extend(exec.env.iter().cloned());
    if exec.tty && program::variable(&env, "TERM").is_none() {
        env.push("TERM=xterm".to_owned());
    }
    env
}

fn run(plan: &Plan, first: BorrowedFd<'_>, group: &Group, confinement: &Confinement, stdio: &ChildStdio, reporter: &Reporter) -> i32 {
    let error = match enter(plan, first, group, confinement, stdio, reporter) {
        Ok(ready) => confinement.seal().err().unwrap_or_else(|| ready.execute()),
        Err(error) => error,
    };
    reporter.fail(&error);
    error.kind.exit_code()
}

fn enter(
    plan: &Plan,
    first: BorrowedFd<'_>,
    group: &Group,
    confinement: &Confinement,
    stdio: &ChildStdio,
    reporter: &Reporter,
) -> Result<Ready, LaunchError> {
    // Before any file of the container can be reached: nobody there may look into this process (CVE-2016-9962).
    process::set_dumpable(false)?;
    join_groups(group)?;
    confinement.set_oom_score(reporter);
    process::setsid()?;
    namespace::enter_of(first, shared(plan))?;
    stead_sys::credential::new_session_keyring(c"_ses")?;
    match stdio {
        ChildStdio::Pipes([input, output, errors]) => {
            place_streams([input.as_fd(), output.as_fd(), errors.as_fd()], confinement.identity.uid)?;
        }
        ChildStdio::Pty(size) => terminal(*size, confinement, reporter)?,
    }
    confinement.drop_rights(reporter)
}

/// The namespaces the container does not have in common with us. Its pid namespace we were born into.
fn shared(plan: &Plan) -> NamespaceFlags {
    let mut flags = NamespaceFlags::NEWNS;
    let wanted = &plan.namespaces;
    for (namespace, flag) in [(&wanted.ipc, NamespaceFlags::NEWIPC), (&wanted.uts, NamespaceFlags::NEWUTS)] {
        if *namespace != Namespace::Host {
            flags |= flag;
        }
    }
    if wanted.net != NetNamespace::Host {
        flags |= NamespaceFlags::NEWNET;
    }
    if crate::launch::cgroup_namespace(plan) != Namespace::Host {
        flags |= NamespaceFlags::NEWCGROUP;
    }
    flags
}

/// A terminal of the container's devpts. What its /dev/pts leads to is the container's doing by now, so the opened file is checked.
fn terminal(size: Option<WindowSize>, confinement: &Confinement, reporter: &Reporter) -> Result<(), LaunchError> {
    let root = stead_sys::path::open_root(Path::new("/"))?;
    let devpts = stead_sys::path::open_beneath(
        root.as_fd(),
        Path::new("dev/pts"),
        stead_sys::path::OFlags::PATH | stead_sys::path::OFlags::DIRECTORY,
        stead_sys::path::Mode::empty(),
    )?;
    let pty = tty::openpty_in(devpts.as_fd())?;
    let peer = stead_sys::device::identify(pty.peer.as_fd())?;
    if !peer.is_some_and(|file| (136..=143).contains(&file.id.major)) {
        return Err(LaunchError::setup("the terminal is not a pseudo-terminal"));
    }
    if let Some(size) = size {
        tty::set_size(pty.master.as_fd(), size.rows, size.cols)?;
    }
    reporter.master(pty.master.as_fd());
    let peer = pty.peer.as_fd();
    place_streams([peer, peer, peer], confinement.identity.uid)?;
    take_terminal(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let mut plan: Plan = serde_json::from_str(
            r#"{"id":"x","rootfs":{"source":{"Path":"/"},"target":"/"},"process":{"args":["a"],"env":["A=1","B=2"],"cwd":"/own","user":"0"}}"#,
        )
        .unwrap();
        plan.process.caps = vec!["CAP_CHOWN".into()];
        plan
    }

    #[test]
    fn what_an_exec_does_not_say_is_the_containers() {
        let root = stead_sys::path::open_root(Path::new("/")).unwrap();
        let exec = ExecProcess { args: vec!["b".into()], env: vec!["B=3".into()], tty: true, ..ExecProcess::default() };
        let made = confinement(&plan(), &exec, root.as_fd()).unwrap();
        assert_eq!(made.env, ["A=1", "B=3", "TERM=xterm", "HOME=/root"]);
        assert_eq!((made.cwd.as_str(), made.caps), ("/own", 1));
        assert!(made.filter.is_some());
    }

    #[test]
    fn a_privileged_exec_has_everything() {
        let root = stead_sys::path::open_root(Path::new("/")).unwrap();
        let exec = ExecProcess { args: vec!["b".into()], privileged: true, cwd: "/tmp".into(), ..ExecProcess::default() };
        let made = confinement(&plan(), &exec, root.as_fd()).unwrap();
        assert_eq!((made.cwd.as_str(), made.caps.count_ones()), ("/tmp", 41));
        assert!(made.filter.is_none());
    }
}
