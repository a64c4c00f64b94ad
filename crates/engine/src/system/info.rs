//! `info` and `version`.

use serde_json::{Value, json};

use crate::container::list::ListOptions;
use crate::{Engine, Result};

/// Stead's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The Engine API whose JSON Stead speaks.
pub(crate) const API_VERSION: &str = "1.50";

impl Engine {
    /// What this engine is and has, in the names of Docker's `GET /info`.
    ///
    /// # Errors
    /// A room cannot be read.
    pub fn system_info(&self) -> Result<Value> {
        let containers = self.container_list(&ListOptions { all: true, ..ListOptions::default() })?;
        let count = |state: &str| containers.iter().filter(|c| c.state == state).count();
        let (running, paused) = (count("running"), count("paused"));
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let memory_kb = read("/proc/meminfo")
            .lines()
            .find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .unwrap_or(0);
        Ok(json!({
            "ID": stead_store::identity(&self.root),
            "Containers": containers.len(), "ContainersRunning": running, "ContainersPaused": paused, "ContainersStopped": containers.len() - running - paused,
            "Images": self.images.list_records()?.len(),
            "Driver": "overlay2",
            "Plugins": { "Volume": ["local"], "Network": ["host", "none"], "Log": ["json-file", "none"] },
            "MemTotal": memory_kb * 1024,
            "NCPU": std::thread::available_parallelism().map_or(1, usize::from),
            "KernelVersion": read("/proc/sys/kernel/osrelease"),
            "OperatingSystem": os_name(&read("/etc/os-release")),
            "OSType": "linux", "Architecture": std::env::consts::ARCH,
            "Name": read("/proc/sys/kernel/hostname"),
            "ServerVersion": VERSION,
            "DockerRootDir": self.root.path(),
            "CgroupDriver": "cgroupfs", "CgroupVersion": stead_runtime::cgroup::version(),
            "DefaultRuntime": "stead", "Runtimes": { "stead": { "path": "stead" }, "crun": { "path": "crun" } },
            "SecurityOptions": ["name=seccomp,profile=builtin"],
            "LoggingDriver": "json-file",
        }))
    }

    /// The version, in the names of Docker's `GET /version`.
    #[must_use]
    pub fn system_version(&self) -> Value {
        json!({
            "Version": VERSION, "ApiVersion": API_VERSION, "Os": "linux", "Arch": if cfg!(target_arch = "x86_64") { "amd64" } else { std::env::consts::ARCH },
            "KernelVersion": std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        })
    }
}

fn os_name(text: &str) -> String {
    text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).map_or_else(|| "Linux".to_owned(), |v| v.trim_matches('"').to_owned())
}
