//! `info` and `version`.

use serde_json::{Map, Value, json};

use super::host;
use crate::container::list::ListOptions;
use crate::{Engine, Result};

/// Stead's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The Engine API whose JSON Stead speaks.
pub(crate) const API_VERSION: &str = "1.50";
/// The oldest version of it that is spoken.
pub(crate) const API_VERSION_MIN: &str = "1.24";

impl Engine {
    /// What this engine is and has, in the names of Docker's `GET /info`.
    ///
    /// # Errors
    /// A room cannot be read.
    pub fn system_info(&self) -> Result<Value> {
        let containers = self.container_list(&ListOptions { all: true, ..ListOptions::default() })?;
        let count = |state: &str| containers.iter().filter(|c| c.state == state).count();
        let (running, paused) = (count("running"), count("paused"));
        let mut info = json!({
            "ID": stead_store::identity(&self.root),
            "Containers": containers.len(),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": containers.len() - running - paused,
            "Images": self.images.list_records()?.len(),
            "Driver": "overlay2",
            "DriverStatus": [
                ["Backing Filesystem", host::file_system(self.root.path())],
                ["Supports d_type", "true"],
                ["Using metacopy", "false"],
                ["Native Overlay Diff", "true"],
                ["userxattr", "false"],
            ],
            "Plugins": {
                "Volume": ["local"],
                "Network": ["bridge", "host", "ipvlan", "macvlan", "null"],
                "Authorization": null,
                "Log": ["json-file", "none"],
            },
            "LoggingDriver": "json-file",
            "CgroupDriver": "cgroupfs",
            "CgroupVersion": stead_runtime::cgroup::version().to_string(),
            "SecurityOptions": ["name=seccomp,profile=builtin"],
            "DockerRootDir": self.root.path(),
            "ServerVersion": VERSION,
            "DefaultRuntime": "stead",
            "Runtimes": { "stead": { "path": "stead" }, "crun": { "path": "crun" } },
            "RegistryConfig": self.registry_config()?,
        });
        if let Some(map) = info.as_object_mut() {
            host::describe(map);
            constants(map);
        }
        Ok(info)
    }

    /// The version, in the names of Docker's `GET /version`.
    #[must_use]
    pub fn system_version(&self) -> Value {
        let arch = host::go_arch();
        let kernel = host::kernel();
        json!({
            "Platform": { "Name": "Stead" },
            "Components": [{
                "Name": "Engine",
                "Version": VERSION,
                "Details": {
                    "ApiVersion": API_VERSION, "Arch": arch, "BuildTime": "", "Experimental": "false", "GitCommit": "", "GoVersion": "",
                    "KernelVersion": kernel, "MinAPIVersion": API_VERSION_MIN, "Os": "linux",
                },
            }],
            "Version": VERSION, "ApiVersion": API_VERSION, "MinAPIVersion": API_VERSION_MIN, "GitCommit": "", "GoVersion": "",
            "Os": "linux", "Arch": arch, "KernelVersion": kernel, "BuildTime": "",
        })
    }

    /// Docker's `RegistryConfig`: what is insecure, and the mirrors of Docker Hub.
    fn registry_config(&self) -> Result<Value> {
        let access = self.access(&crate::image::access::Auth::Given(None), "docker.io")?;
        let mirrors = access.mirrors_of("docker.io");
        let index = |name: &str, official: bool, secure: bool, mirrors: &[String]| json!({ "Name": name, "Mirrors": mirrors, "Secure": secure, "Official": official });
        let mut indexes = Map::new();
        indexes.insert("docker.io".to_owned(), index("docker.io", true, true, mirrors));
        for host in access.insecure_hosts() {
            indexes.insert(host.clone(), index(host, false, false, &[]));
        }
        let shown = if mirrors.is_empty() { Value::Null } else { json!(mirrors) };
        Ok(json!({ "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"], "IndexConfigs": indexes, "Mirrors": shown }))
    }
}

/// What is so on every host.
fn constants(map: &mut Map<String, Value>) {
    let swarm = json!({
        "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null,
    });
    let commit = json!({ "ID": "" });
    for (key, value) in [
        ("Debug", json!(false)),
        ("NEventsListener", json!(0)),
        ("IndexServerAddress", json!("https://index.docker.io/v1/")),
        ("GenericResources", Value::Null),
        ("HttpProxy", json!("")),
        ("HttpsProxy", json!("")),
        ("NoProxy", json!("")),
        ("Labels", json!([])),
        ("ExperimentalBuild", json!(false)),
        ("Swarm", swarm),
        // Containers do not notice when whoever started them goes away.
        ("LiveRestoreEnabled", json!(true)),
        ("Isolation", json!("")),
        ("InitBinary", json!("stead")),
        ("ContainerdCommit", commit.clone()),
        ("RuncCommit", commit.clone()),
        ("InitCommit", commit),
        ("ProductLicense", json!("")),
        ("CDISpecDirs", json!([])),
        ("Warnings", Value::Null),
    ] {
        map.insert(key.to_owned(), value);
    }
}
