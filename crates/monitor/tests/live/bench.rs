//! One container of one test: directories, a busybox root, the plan, and its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use stead_base::layout::{Root, RunRoot};
use stead_monitor::protocol::Attach;
use stead_monitor::{Client, Exit, LogConfig, MonitorConfig, RestartPolicy, State, Stdin};

const BUSYBOX: &str = "/bin/busybox";

/// Why these tests cannot run on this machine.
pub(crate) fn cannot_run() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("they need root");
    }
    if !Path::new(BUSYBOX).exists() {
        return Some("they need busybox-static");
    }
    None
}

/// One container.
pub(crate) struct Bench {
    dir: PathBuf,
    pub(crate) config: MonitorConfig,
    script: String,
}

impl Bench {
    /// A container that runs a shell script.
    pub(crate) fn new(script: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/var/tmp/stead-live-{}-{number}", std::process::id()));
        let id = format!("{:032x}{:032x}", std::process::id(), number);
        let (root, run_root) = (dir.join("root"), dir.join("run"));
        std::fs::create_dir_all(root.join("containers").join(&id)).unwrap();
        std::fs::create_dir_all(run_root.join("containers").join(&id)).unwrap();
        let tree = dir.join("tree");
        for below in ["bin", "proc", "dev", "sys", "tmp", "etc"] {
            std::fs::create_dir_all(tree.join(below)).unwrap();
        }
        std::fs::copy(BUSYBOX, tree.join("bin/busybox")).unwrap();
        for applet in ["sh", "cat", "sleep", "yes", "head", "true", "false", "seq", "dd", "stty", "kill", "ps", "tr", "md5sum", "echo"] {
            std::os::unix::fs::symlink("busybox", tree.join("bin").join(applet)).unwrap();
        }
        let config = MonitorConfig {
            id,
            root,
            run_root,
            log: LogConfig::default(),
            restart: RestartPolicy::No,
            stop_signal: None,
            stop_timeout: None,
            auto_remove: false,
            stdin: Stdin::Closed,
            tty: false,
            console_size: None,
            ports: Vec::new(),
            is_leased: false,
            cleanup_argv: Vec::new(),
            attributes: BTreeMap::new(),
            health: None,
        };
        Self { dir, config, script: script.to_owned() }
    }

    /// Changes the config before the start.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut MonitorConfig)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.config.id
    }

    pub(crate) fn root(&self) -> Root {
        self.config.root()
    }

    pub(crate) fn run_root(&self) -> RunRoot {
        self.config.run_root()
    }

    /// A directory of this test on the host.
    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Prepares a monitor.
    pub(crate) fn spawn(&self) -> Client {
        self.spawn_args(&["sh", "-c", &self.script])
    }

    /// Prepares a monitor for another command.
    pub(crate) fn spawn_args(&self, args: &[&str]) -> Client {
        let plan = serde_json::json!({
            "id": self.config.id,
            "hostname": "live",
            "rootfs": { "source": { "Path": self.dir.join("tree") }, "target": "/" },
            "process": { "args": args, "env": ["PATH=/bin"], "tty": self.config.tty, "caps": ["CAP_KILL"] },
        });
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.run_root().plan(self.id()))
            .and_then(|mut file| std::io::Write::write_all(&mut file, plan.to_string().as_bytes()))
            .unwrap();
        stead_monitor::spawn(&self.config).unwrap()
    }

    /// Prepares and starts.
    pub(crate) fn start(&self) -> Client {
        let mut client = self.spawn();
        client.start().unwrap();
        client
    }

    /// A second connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.run_root(), self.id()).unwrap()
    }

    pub(crate) fn state(&self) -> Option<State> {
        State::read(&self.run_root(), self.id())
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        stead_monitor::exit::read(&self.root(), self.id())
    }

    /// Waits until nobody holds the lock.
    pub(crate) fn until_gone(&self) {
        until("the monitor's end", || self.state().is_none());
    }

    /// All entries of the log.
    pub(crate) fn log(&self) -> String {
        let query = stead_monitor::log::LogQuery::default();
        let reader = stead_monitor::log::read(&self.root().container(self.id()), self.id(), query).unwrap();
        reader.map(|entry| entry.unwrap().text).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.run_root(), self.id()) {
            drop(client.stop(Some(9), Some(0)));
        }
        drop(stead_monitor::settle(&self.root(), &self.run_root(), self.id()));
        if let (Ok(parent), Some(name)) = (std::fs::File::open("/var/tmp"), self.dir.file_name()) {
            drop(stead_sys::tree::remove_tree(&parent, name));
        }
    }
}

/// Everything a foreground client wants.
pub(crate) const ALL: Attach = Attach { stdin: false, stdout: true, stderr: true, patient: true };

/// Polls with a limit that only a defect reaches.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What an attached client got until the end.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) exit: Option<Exit>,
    pub(crate) restarting: bool,
}

/// Reads an attached client to the end.
pub(crate) fn follow(client: &mut Client) -> Followed {
    use stead_monitor::protocol::{Exited, Kind};

    let mut got = Followed::default();
    while let Some(frame) = client.next_frame().unwrap() {
        match frame.kind {
            Kind::Stdout => got.stdout.extend(frame.payload),
            Kind::Stderr => got.stderr.extend(frame.payload),
            Kind::Exited => {
                let exited: Exited = serde_json::from_slice(&frame.payload).unwrap();
                (got.exit, got.restarting) = (exited.exit, exited.restarting);
                break;
            }
            _ => {}
        }
    }
    got
}

/// Options of one log.
pub(crate) fn log_config(max_size: u64, max_file: u32) -> LogConfig {
    LogConfig { max_size: Some(max_size), max_file, attrs: BTreeMap::new(), ..LogConfig::default() }
}
