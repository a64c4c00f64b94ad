//! For tests: a small root file system from the static busybox, and births in it. Root only.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stead_mount::Mount;
use stead_sys::process;

use crate::launch::{self, Child, ChildIo, LaunchError, Stdio};
use crate::spec::{ExecProcess, Plan, Process};
use crate::{capability, cgroup, defaults, exec};

/// A root file system; its directory goes with it.
pub(crate) struct Stage {
    pub(crate) dir: PathBuf,
    id: String,
    /// One test at a time: a child is cloned with one thread, and another that was allocating would leave its lock behind in it.
    _alone: MutexGuard<'static, ()>,
}

/// What a program left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let id = format!("test-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let dir = PathBuf::from(format!("/var/tmp/stead-birth-{id}"));
        for name in ["bin", "etc", "tmp", "root", "proc", "sys", "dev"] {
            fs::create_dir_all(dir.join("root").join(name)).unwrap();
        }
        let stage = Self { dir, id, _alone: alone };
        fs::copy("/usr/bin/busybox", stage.path("bin/busybox")).unwrap();
        for applet in [
            "sh", "cat", "id", "ls", "stat", "sleep", "env", "grep", "head", "tty", "mount", "true", "kill", "ps", "touch", "mkdir",
            "umask", "stty", "readlink", "mknod", "ip", "chmod", "hostname", "find", "dd", "wc", "printf", "test",
        ] {
            symlink("busybox", stage.path("bin").join(applet)).unwrap();
        }
        stage.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nredis:x:999:998::/data:/bin/sh\n");
        stage.write("etc/group", "root:x:0:\nredis:x:998:\nextra:x:50:redis\n");
        stage
    }

    /// A path of the host that is `inside` in the container.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.dir.join("root").join(inside)
    }

    pub(crate) fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    /// A plan as an ordinary `run` makes it.
    pub(crate) fn plan(&self, args: &[&str]) -> Plan {
        let process = Process {
            args: args.iter().map(ToString::to_string).collect(),
            env: vec![format!("PATH={}", defaults::PATH)],
            caps: capability::resolve(&[], &[], false).unwrap(),
            ..Process::default()
        };
        Plan {
            id: self.id.clone(),
            hostname: "stage".into(),
            domainname: String::new(),
            rootfs: Mount::bind(self.path(""), "/"),
            readonly_rootfs: false,
            mounts: Vec::new(),
            engine_files: Vec::new(),
            process,
            namespaces: crate::Namespaces::default(),
            cgroup: crate::CgroupLimits::default(),
            devices: Vec::new(),
            sysctls: std::collections::BTreeMap::new(),
            shm_size: 0,
            no_ipc_files: false,
            masked_paths: defaults::masked_paths(),
            readonly_paths: defaults::readonly_paths(),
            privileged: false,
            init: false,
            runtime: None,
            bundle: self.dir.join("bundle"),
        }
    }

    /// A shell script in the container, with everything as it is by default.
    pub(crate) fn sh(&self, script: &str) -> Outcome {
        self.run(&self.plan(&["sh", "-c", script])).unwrap()
    }

    /// Runs a plan to its end.
    pub(crate) fn run(&self, plan: &Plan) -> Result<Outcome, LaunchError> {
        let child = launch::start(plan, Stdio::Pipes { stdin: false })?;
        let outcome = finish(child);
        remove_group(plan);
        Ok(outcome)
    }

    /// A container that stays until it is killed.
    pub(crate) fn sleeper(&self, change: impl FnOnce(&mut Plan)) -> Sleeper {
        let mut plan = self.plan(&["sleep", "1000"]);
        change(&mut plan);
        let child = launch::start(&plan, Stdio::Pipes { stdin: false }).unwrap();
        Sleeper { plan, child }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "a test's own tree; its mounts were in namespaces that are gone")]
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// A running container.
pub(crate) struct Sleeper {
    pub(crate) plan: Plan,
    pub(crate) child: Child,
}

impl Sleeper {
    pub(crate) fn exec(&self, exec: &ExecProcess) -> Result<Outcome, LaunchError> {
        exec::start(&self.plan, self.child.pid, exec, Stdio::Pipes { stdin: false }).map(finish)
    }

    pub(crate) fn sh(&self, script: &str) -> Outcome {
        let args = ["sh", "-c", script].map(ToString::to_string).to_vec();
        self.exec(&ExecProcess { args, ..ExecProcess::default() }).unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        process::pidfd_send_signal(self.child.pidfd.as_fd(), 9).unwrap();
        process::wait(self.child.pidfd.as_fd()).unwrap();
        remove_group(&self.plan);
    }
}

/// Reads a child's streams and its end.
pub(crate) fn finish(child: Child) -> Outcome {
    let read = |fd| {
        let mut text = Vec::new();
        // A terminal whose last program has gone answers EIO.
        drop(File::from(fd).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    };
    let (out, err) = match child.io {
        ChildIo::Pipes { stdout, stderr, .. } => (read(stdout), read(stderr)),
        ChildIo::Pty(master) => (read(master), String::new()),
    };
    let status = process::wait(child.pidfd.as_fd()).unwrap().status();
    Outcome { status, out, err }
}

fn remove_group(plan: &Plan) {
    for _ in 0..100 {
        if cgroup::delete(plan).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    cgroup::delete(plan).unwrap();
}

/// A text of the host's /proc.
pub(crate) fn host(path: &str) -> String {
    fs::read_to_string(Path::new(path)).unwrap()
}
