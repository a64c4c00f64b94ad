//! A private engine for one test: own root, run root and network namespace, and nothing left when it ends, which is checked.
use crate::{Command, Dockerd, Output, cgroup_dirs_of, image_tar, mounts_below, netns, processes_naming, unmount_below};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A new directory below /var/tmp whose name says that it is a test's.
pub(crate) fn fresh_dir(what: &str) -> PathBuf {
    let dir = PathBuf::from(format!("/var/tmp/stead-test-{}-{}-{what}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Says on the real stderr (which the test harness does not capture) that something is skipped and why.
pub fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    writeln!(std::io::stderr(), "SKIPPED {name}: {why}").ok();
}

pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "note: {text}").ok();
}

/// Which engine is under test.
#[derive(Debug)]
pub enum Under {
    /// stead: the path of its binary.
    Stead(PathBuf),
    /// A peer, to check that the tests themselves tell the truth about Docker.
    Docker(Dockerd),
}

/// One engine of its own.
#[derive(Debug)]
pub struct Sandbox {
    dir: PathBuf,
    root: PathBuf,
    run_root: PathBuf,
    under: Under,
}

impl Sandbox {
    /// A sandbox around the stead binary `exe`, with an empty root. With `STEAD_TEST_ENGINE=docker` the same commands go to a dockerd of its own instead.
    pub fn new(exe: &str) -> Self {
        netns::enter();
        let dir = fresh_dir("box");
        let (root, run_root) = (dir.join("root"), dir.join("run"));
        let docker = std::env::var_os("STEAD_TEST_ENGINE").is_some_and(|v| v == "docker");
        let under = if docker { Under::Docker(Dockerd::start().expect("dockerd is installed")) } else { Under::Stead(exe.into()) };
        let root = if let Under::Docker(d) = &under { d.root() } else { root };
        Self { dir, root, run_root, under }
    }

    /// A sandbox (always stead's) whose root lies on `disk`, a directory that the test made.
    pub fn on(exe: &str, disk: &Path) -> Self {
        netns::enter();
        let dir = fresh_dir("box");
        Self { root: disk.join("root"), run_root: dir.join("run"), dir, under: Under::Stead(exe.into()) }
    }

    /// With busybox:latest already loaded.
    #[must_use]
    pub fn with(self, images: &[&str]) -> Self {
        for image in images {
            self.load(image);
        }
        self
    }

    /// Whether the peer is under test instead of stead.
    pub fn is_docker(&self) -> bool {
        matches!(self.under, Under::Docker(_))
    }

    /// The engine's `--root`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The engine's `--run-root`.
    pub fn run_root(&self) -> &Path {
        &self.run_root
    }

    /// A directory for the test's own files, gone at the end.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new directory for the test's own files.
    pub fn mkdir(&self, name: &str) -> PathBuf {
        let dir = self.dir.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// Where the content of the volume `name` lies.
    pub fn data(&self, name: &str) -> PathBuf {
        self.root.join("volumes").join(name).join("_data")
    }

    /// The engine's command line up to the verb.
    pub fn cli(&self) -> Command {
        let command = match &self.under {
            Under::Stead(exe) => {
                Command::new(exe).env("HOME", &self.dir).arg("--root").arg(&self.root).arg("--run-root").arg(&self.run_root)
            }
            Under::Docker(dockerd) => dockerd.cli(),
        };
        command.dir(&self.dir)
    }

    /// The same command line as one string, for shell scripts.
    pub fn shell(&self) -> String {
        self.cli().line()
    }

    /// Runs one command, written as a shell line, and answers what it said.
    #[must_use = "an output nobody looks at proves nothing"]
    pub fn x(&self, line: &str) -> Output {
        self.cli().args(crate::split(line)).run()
    }

    /// Runs one command that has to succeed; answers its stdout without the last newline.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.x(line).ok().text()
    }

    /// Runs one command that has to fail with this status; answers its stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> String {
        self.x(line).exits(code).stderr
    }

    /// The JSON of `inspect`'s first answer.
    #[track_caller]
    pub fn inspect(&self, name: &str) -> serde_json::Value {
        self.x(&format!("inspect {name}")).ok().json()[0].take()
    }

    /// Loads the test image `name`.
    #[track_caller]
    pub fn load(&self, name: &str) {
        self.cli().args(["load", "-q", "-i"]).arg(image_tar(name)).run().ok();
    }

    /// Asks again and again until `ready`; panics with `what` after 30 seconds.
    #[track_caller]
    pub fn eventually(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let began = Instant::now();
        while !ready() {
            assert!(began.elapsed() < Duration::from_secs(30), "never came true: {what}");
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Container ids that the engine knows or that lie in its root.
    fn ids(&self) -> Vec<String> {
        let mut ids = self.x("ps -aq --no-trunc").lines();
        ids.extend(
            std::fs::read_dir(self.root.join("containers"))
                .into_iter()
                .flatten()
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned()),
        );
        ids.retain(|id| id.len() == 64);
        ids.sort();
        ids.dedup();
        ids
    }

    /// Removes every container the engine's own way, then looks for what stayed: mounts, cgroups, processes, interfaces. Answers what was found.
    fn sweep(&self) -> Vec<String> {
        let ids = self.ids();
        let mut left = Vec::new();
        if !ids.is_empty() {
            let removed = self.cli().args(["rm", "-fv"]).args(&ids).run();
            if removed.code != 0 && !removed.stderr.contains("No such container") {
                left.push(format!("rm -fv failed: {removed}"));
            }
        }
        let base = self.dir.to_string_lossy().into_owned();
        let began = Instant::now();
        // What the engine ends in the background (monitors, sweepers) gets a moment to be gone.
        while began.elapsed() < Duration::from_secs(8) && (!processes_naming(&base).is_empty() || !mounts_below(&self.dir).is_empty()) {
            std::thread::sleep(Duration::from_millis(30));
        }
        for (pid, line) in processes_naming(&base) {
            left.push(format!("process {pid}: {line}"));
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
        // The kernel takes a dead container's interface away in its own time.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(8) && !netns::endpoints(&self.root).is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        left.extend(netns::endpoints(&self.root).into_iter().map(|name| format!("interface {name}")));
        left.extend(mounts_below(&self.dir).into_iter().map(|m| format!("mount {}", m.display())));
        for id in &ids {
            for dir in cgroup_dirs_of(id) {
                left.push(format!("cgroup {}", dir.display()));
                std::fs::remove_dir(&dir).ok();
            }
        }
        left
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let ours = matches!(self.under, Under::Stead(_)) && self.root.exists();
        // An engine that hangs panics the sweep, which must not happen while another panic is on its way.
        let sweep = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.sweep()));
        let left = if ours { sweep().unwrap_or_else(|_| vec!["the sweep itself failed".to_owned()]) } else { Vec::new() };
        unmount_below(&self.dir);
        if mounts_below(&self.dir).is_empty() {
            std::fs::remove_dir_all(&self.dir).ok();
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
        }
    }
}
