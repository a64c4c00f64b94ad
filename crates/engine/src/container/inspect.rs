//! `container inspect`: everything that is known of one container, in Docker's shape.

use serde_json::{Map, Value, json};

use super::record::Container;
use super::state::Now;
use crate::{Engine, Result};

impl Engine {
    /// One container in the JSON of Docker's `GET /containers/{id}/json`.
    ///
    /// # Errors
    /// No such container.
    pub fn container_inspect(&self, typed: &str, size: bool) -> Result<Value> {
        let container = self.container(typed)?;
        let now = self.now(&container.id);
        let mut view = self.identity(&container, &now);
        if size {
            let (rw, root) = self.container_size(&container)?;
            view.insert("SizeRw".to_owned(), json!(rw));
            view.insert("SizeRootFs".to_owned(), json!(root));
        }
        view.insert("Mounts".to_owned(), container.mounts.iter().map(stead_mount::view::inspect).collect());
        view.insert("Config".to_owned(), config(&container));
        view.insert("NetworkSettings".to_owned(), self.network_settings(&container, &now));
        Ok(Value::Object(view))
    }

    fn identity(&self, container: &Container, now: &Now) -> Map<String, Value> {
        let dir = self.root.container(&container.id);
        let args = container.args();
        let writable = dir.join("upper");
        let lower = super::plan::diff_ids(container).map(|ids| stead_layer::lower_dirs(&self.root, &ids)).unwrap_or_default();
        let lower: Vec<String> = lower.iter().map(|layer| layer.display().to_string()).collect();
        let view = json!({
            "Id": container.id,
            "Created": container.created.rfc3339_nano(),
            "Path": args.first().cloned().unwrap_or_default(),
            "Args": args.iter().skip(1).collect::<Vec<_>>(),
            "State": state(now),
            "Image": container.image,
            "ResolvConfPath": dir.join("resolv.conf"),
            "HostnamePath": dir.join("hostname"),
            "HostsPath": dir.join("hosts"),
            "LogPath": if container.host.log_config.kind == "none" { String::new() } else { self.root.log(&container.id).display().to_string() },
            "Name": format!("/{}", container.name),
            "RestartCount": now.restart_count(),
            "Driver": "overlay2",
            "Platform": container.platform.split('/').next().unwrap_or("linux"),
            "MountLabel": "",
            "ProcessLabel": "",
            "AppArmorProfile": "",
            "ExecIDs": self.exec_ids(&container.id),
            "HostConfig": host_config(container),
            "GraphDriver": {
                "Data": {
                    "ID": container.id, "LowerDir": lower.join(":"), "MergedDir": dir.join("merged"), "UpperDir": writable,
                    "WorkDir": dir.join("work"),
                },
                "Name": "overlay2",
            },
        });
        match view {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

fn state(now: &Now) -> Value {
    let mut state = json!({
        "Status": now.status,
        "Running": now.is_running() || now.status == "restarting",
        "Paused": now.status == "paused",
        "Restarting": now.status == "restarting",
        "OOMKilled": now.oom_killed(),
        "Dead": false,
        "Pid": now.pid(),
        "ExitCode": now.exit_code(),
        "Error": now.error(),
        "StartedAt": now.started_at(),
        "FinishedAt": now.finished_at(),
    });
    if let (Some(health), Some(map)) = (now.health(), state.as_object_mut()) {
        map.insert("Health".to_owned(), json!(health));
    }
    state
}

/// `HostConfig` with the values that Docker fills in at create.
fn host_config(container: &Container) -> Value {
    let mut host = container.host.clone();
    if host.log_config.kind.is_empty() {
        "json-file".clone_into(&mut host.log_config.kind);
    }
    if host.restart_policy.name.is_empty() {
        "no".clone_into(&mut host.restart_policy.name);
    }
    if host.shm_size == 0 {
        host.shm_size = 64 << 20;
    }
    host.memory_swap = super::update::memory_swap(&host);
    host.console_size.get_or_insert([0, 0]);
    let v2 = stead_runtime::cgroup::version() == "2";
    if host.cgroupns_mode.is_empty() {
        if v2 && !host.privileged { "private" } else { "host" }.clone_into(&mut host.cgroupns_mode);
    }
    if !v2 {
        host.oom_kill_disable.get_or_insert(false);
    }
    if host.ipc_mode.is_empty() {
        "private".clone_into(&mut host.ipc_mode);
    }
    if host.runtime.is_empty() {
        "stead".clone_into(&mut host.runtime);
    }
    host.port_bindings.get_or_insert_with(|| json!({}));
    host.network_mode = super::endpoints::network_mode(container);
    host.masked_paths.get_or_insert_with(|| if host.privileged { Vec::new() } else { stead_runtime::defaults::masked_paths() });
    host.readonly_paths.get_or_insert_with(|| if host.privileged { Vec::new() } else { stead_runtime::defaults::readonly_paths() });
    serde_json::to_value(host).unwrap_or(Value::Null)
}

pub(super) fn config(container: &Container) -> Value {
    let mut config = container.config.clone();
    config.hostname = super::plan::hostname(container);
    serde_json::to_value(config).unwrap_or(Value::Null)
}
