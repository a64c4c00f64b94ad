//! Peers: Debian's dockerd, podman and registry, each with private directories, started and ended by the test that wants it.
use crate::{Command, Output, netns, sandbox};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A port of this test's loopback that is free right now.
pub fn free_port() -> u16 {
    netns::enter();
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The docker command line client of this machine.
pub fn docker_cli() -> &'static str {
    if Path::new("/usr/local/bin/docker").exists() { "/usr/local/bin/docker" } else { "/usr/bin/docker" }
}

/// Ends a daemon by its pid: SIGTERM, then SIGKILL after `grace`.
fn end(child: &mut Child, grace: Duration) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
    let began = Instant::now();
    while began.elapsed() < grace {
        if child.try_wait().is_ok_and(|s| s.is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().ok();
    child.wait().ok();
}

fn wait_for(what: &str, log: &Path, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        let text = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(began.elapsed() < Duration::from_secs(60), "{what} does not start:\n{}", text());
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Debian's dockerd on a private socket and root.
#[derive(Debug)]
pub struct Dockerd {
    dir: PathBuf,
    child: Option<Child>,
}

impl Dockerd {
    /// Starts one; answers None, and says so, where no dockerd is installed.
    pub fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/dockerd").exists() {
            sandbox::skip("no /usr/sbin/dockerd here: install docker.io");
            return None;
        }
        netns::enter();
        let mut dockerd = Self { dir: sandbox::fresh_dir("dockerd"), child: None };
        dockerd.boot();
        Some(dockerd)
    }

    fn boot(&mut self) {
        let log = self.dir.join("log");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = std::process::Command::new("/usr/sbin/dockerd")
            .args(["--iptables=false", "--bridge=none", "--storage-driver", "overlay2", "--data-root"])
            .arg(self.root())
            .arg("--exec-root")
            .arg(self.dir.join("exec"))
            .arg("--pidfile")
            .arg(self.dir.join("pid"))
            .arg("-H")
            .arg(self.host())
            .env("PATH", "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let this = &*self;
        wait_for("dockerd", &log, || this.cli().args(["version"]).run().code == 0);
    }

    /// Ends the daemon and leaves its data root. [`Dockerd::again`] starts it on the same root.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child, Duration::from_secs(20));
        }
    }

    /// Starts it again.
    pub fn again(&mut self) {
        self.stop();
        self.boot();
    }

    /// Its data root.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// What `docker -H` wants.
    pub fn host(&self) -> String {
        format!("unix://{}/sock", self.dir.display())
    }

    /// The docker client, pointed at this daemon.
    pub fn cli(&self) -> Command {
        Command::new(docker_cli()).env("HOME", &self.dir).env("DOCKER_CONFIG", self.dir.join("config")).arg("-H").arg(self.host())
    }

    /// One docker command, written as a shell line.
    #[must_use = "an output nobody looks at proves nothing"]
    pub fn x(&self, line: &str) -> Output {
        self.cli().args(crate::split(line)).run()
    }

    /// The daemon's pid.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        if self.child.is_none() {
            return self.clean();
        }
        // A daemon that hangs panics these commands, which must not happen while another panic is on its way.
        let removed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let ids = self.x("ps -aq").lines();
            if ids.is_empty() { 0 } else { self.cli().args(["rm", "-fv"]).args(ids).run().code }
        }));
        if !matches!(removed, Ok(0)) {
            sandbox::note("dockerd could not remove its containers");
        }
        if let Some(child) = &mut self.child {
            end(child, Duration::from_secs(20));
        }
        self.clean();
    }
}

impl Dockerd {
    /// Ends what the daemon left running and removes its directory.
    fn clean(&self) {
        for (pid, _) in crate::processes_naming(&self.dir.to_string_lossy()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
        crate::unmount_below(&self.dir);
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// podman on a private root.
#[derive(Debug)]
pub struct Podman {
    dir: PathBuf,
}

impl Podman {
    /// None, and says so, where podman is not installed.
    pub fn new() -> Option<Self> {
        if !Path::new("/usr/bin/podman").exists() {
            sandbox::skip("no /usr/bin/podman here: install podman");
            return None;
        }
        netns::enter();
        Some(Self { dir: sandbox::fresh_dir("podman") })
    }

    /// The podman client on this root.
    pub fn cli(&self) -> Command {
        Command::new("/usr/bin/podman")
            .env("HOME", &self.dir)
            .args(["--cgroup-manager=cgroupfs", "--root"])
            .arg(self.dir.join("root"))
            .arg("--runroot")
            .arg(self.dir.join("run"))
            .arg("--tmpdir")
            .arg(self.dir.join("tmp"))
    }

    /// Its graph root.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// One podman command, written as a shell line.
    #[must_use = "an output nobody looks at proves nothing"]
    pub fn x(&self, line: &str) -> Output {
        self.cli().args(crate::split(line)).run()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let removed = self.x("rm -af");
        if removed.code != 0 {
            sandbox::note(&format!("podman rm -af: {}", removed.stderr));
        }
        crate::unmount_below(&self.dir);
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// Debian's docker-registry on a free port of the loopback.
#[derive(Debug)]
pub struct Registry {
    dir: PathBuf,
    child: Child,
    port: u16,
}

impl Registry {
    /// A registry open to everybody.
    pub fn start() -> Option<Self> {
        Self::boot("")
    }

    /// A registry that wants this user and password (basic authentication). The hash is bcrypt's, made with python's crypt where it can, else by htpasswd.
    pub fn with_password(user: &str, bcrypt: &str) -> Option<Self> {
        Self::boot(&format!("{user}:{bcrypt}\n"))
    }

    fn boot(htpasswd: &str) -> Option<Self> {
        if !Path::new("/usr/bin/docker-registry").exists() {
            sandbox::skip("no /usr/bin/docker-registry here: install docker-registry");
            return None;
        }
        netns::enter();
        let dir = sandbox::fresh_dir("registry");
        let port = free_port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
            dir.join("data").display()
        );
        if !htpasswd.is_empty() {
            std::fs::write(dir.join("htpasswd"), htpasswd).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", dir.join("htpasswd").display());
        }
        std::fs::write(dir.join("config.yml"), config).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let child = std::process::Command::new("/usr/bin/docker-registry")
            .args(["serve"])
            .arg(dir.join("config.yml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let registry = Self { child, port, dir };
        wait_for("docker-registry", &registry.dir.join("log"), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(registry)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps its files.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        end(&mut self.child, Duration::from_secs(5));
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
