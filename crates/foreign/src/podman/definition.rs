//! A container's definition: from libpod's config, which holds an OCI spec, to Docker's `Config` and `HostConfig`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stead_base::ids;
use stead_base::time::Time;

use crate::survey::Container;

/// What a container may do where nothing is said, in Docker.
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
/// Podman's size of /dev/shm where nothing is said.
const SHM_DEFAULT: i64 = 65_536_000;
/// Podman's limit of processes where nothing is said.
const PIDS_DEFAULT: i64 = 2048;
/// Variables that Podman sets by itself.
const ENV_OWN: [&str; 4] = ["container", "HOSTNAME", "TERM", "HOME"];

#[derive(Deserialize, Default)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "libpod's format")]
struct Config {
    name: String,
    spec: Spec,
    #[serde(rename = "rootfsImageID")]
    image: String,
    #[serde(rename = "rootfsImageName")]
    image_name: String,
    #[serde(rename = "namedVolumes")]
    volumes: Option<Vec<NamedVolume>>,
    #[serde(rename = "userVolumes")]
    user_volumes: Option<Vec<String>>,
    #[serde(rename = "overlayVolumes")]
    overlays: Option<Vec<Value>>,
    #[serde(rename = "imageVolumes")]
    images: Option<Vec<Value>>,
    secrets: Option<Vec<Value>>,
    #[serde(rename = "createdTime")]
    created: String,
    command: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    user: String,
    groups: Option<Vec<String>>,
    stdin: bool,
    privileged: bool,
    #[serde(rename = "shmSize")]
    shm_size: i64,
    #[serde(rename = "stopSignal")]
    stop_signal: u32,
    #[serde(rename = "stopTimeout")]
    stop_timeout: Option<i64>,
    restart_policy: String,
    restart_retries: Option<i64>,
    healthcheck: Option<Value>,
    #[serde(rename = "createNetNS")]
    has_network: bool,
    #[serde(rename = "netNsCtr")]
    network_of: String,
    networks: Option<Value>,
    #[serde(rename = "newPortMappings")]
    ports: Option<Vec<Port>>,
    #[serde(rename = "dnsServer")]
    dns: Option<Vec<String>>,
    #[serde(rename = "dnsSearch")]
    dns_search: Option<Vec<String>>,
    #[serde(rename = "dnsOption")]
    dns_option: Option<Vec<String>>,
    #[serde(rename = "hostsAdd")]
    hosts: Option<Vec<String>>,
    #[serde(rename = "isInfra")]
    is_infra: bool,
    pod: String,
    #[serde(rename = "idMappingsOptions")]
    mappings: Mappings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mappings {
    #[serde(rename = "HostUIDMapping")]
    host_uids: bool,
}

impl Default for Mappings {
    fn default() -> Self {
        Self { host_uids: true }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NamedVolume {
    #[serde(rename = "volumeName")]
    name: String,
    dest: String,
    options: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Port {
    host_ip: String,
    container_port: u16,
    host_port: u16,
    range: u16,
    protocol: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    process: Process,
    root: Root,
    hostname: String,
    mounts: Option<Vec<Mount>>,
    linux: Linux,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Process {
    terminal: bool,
    env: Option<Vec<String>>,
    cwd: String,
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Capabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Root {
    readonly: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Mount {
    destination: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    resources: Resources,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resources {
    memory: Memory,
    cpu: Cpu,
    pids: Pids,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    limit: i64,
    swap: i64,
    reservation: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    shares: i64,
    quota: i64,
    period: i64,
    cpus: String,
    mems: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pids {
    limit: i64,
}

/// Reads one definition; `None` for a container that is Podman's own. `anonymous` are the volumes that nobody named.
///
/// # Errors
/// Why it cannot become one of Docker's shape.
pub(super) fn read(id: &str, text: &[u8], anonymous: &[String]) -> Result<Option<Container>, String> {
    let config: Config = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if config.is_infra {
        return Ok(None);
    }
    if !ids::is_full_id(id) {
        return Err("its id is none".to_owned());
    }
    if config.image.is_empty() {
        return Err("it was made from a directory and not from an image".to_owned());
    }
    if !config.mappings.host_uids {
        return Err("it has user ids of its own (--userns, --uidmap): its files belong to other users outside".to_owned());
    }
    let mut notes = Vec::new();
    for (is_there, what) in [
        (!config.pod.is_empty(), "it leaves its pod"),
        (config.networks.is_some(), "it is put on the default network: connect it to its own again"),
        (config.secrets.iter().flatten().next().is_some(), "its secrets stay behind"),
        (config.overlays.iter().flatten().next().is_some(), "its overlay volumes stay behind"),
        (config.images.iter().flatten().next().is_some(), "its image volumes stay behind"),
    ] {
        if is_there {
            notes.push(what.to_owned());
        }
    }
    let mut mounts = Mounts::of(&config, anonymous);
    Ok(Some(Container {
        id: id.to_owned(),
        name: config.name.clone(),
        created: Time::parse(&config.created),
        image: format!("sha256:{}", config.image),
        config: docker_config(&config, &mounts),
        host: docker_host(&config, &mut mounts),
        anonymous: mounts.anonymous,
        running: false,
        changes: None,
        notes,
    }))
}

/// The mounts a person asked for.
#[derive(Default)]
struct Mounts {
    binds: Vec<String>,
    /// Paths with a colon do not fit into a bind's text.
    long: Vec<Value>,
    tmpfs: Map<String, Value>,
    anonymous: BTreeMap<String, String>,
}

impl Mounts {
    fn of(config: &Config, anonymous: &[String]) -> Self {
        let mut mounts = Self::default();
        for volume in config.volumes.iter().flatten() {
            if anonymous.contains(&volume.name) {
                mounts.anonymous.insert(volume.dest.clone(), volume.name.clone());
            } else {
                mounts.add("volume", &volume.name, &volume.dest, volume.options.as_deref().unwrap_or_default());
            }
        }
        // The spec also has the mounts that Podman makes for itself.
        let asked: BTreeSet<&str> = config.user_volumes.iter().flatten().map(String::as_str).collect();
        for mount in config.spec.mounts.iter().flatten().filter(|mount| asked.contains(mount.destination.as_str())) {
            let options = mount.options.as_deref().unwrap_or_default();
            match mount.kind.as_str() {
                "bind" => mounts.add("bind", &mount.source, &mount.destination, options),
                "tmpfs" => {
                    let kept = |option: &&String| {
                        ["size=", "mode=", "uid=", "gid="].iter().any(|key| option.starts_with(key))
                            || matches!(option.as_str(), "ro" | "exec" | "noexec")
                    };
                    let words: Vec<&str> = options.iter().filter(kept).map(String::as_str).collect();
                    mounts.tmpfs.insert(mount.destination.clone(), words.join(",").into());
                }
                _ => {}
            }
        }
        mounts
    }

    fn add(&mut self, kind: &str, source: &str, target: &str, options: &[String]) {
        let has = |word: &str| options.iter().any(|option| option == word);
        if source.contains(':') || target.contains(':') {
            self.long.push(json!({ "Type": kind, "Source": source, "Target": target, "ReadOnly": has("ro") }));
            return;
        }
        let mut modes = Vec::new();
        if has("ro") {
            modes.push("ro");
        }
        if kind == "bind" {
            modes.extend(["shared", "rshared", "slave", "rslave", "private"].into_iter().filter(|word| has(word)));
        }
        let mode = if modes.is_empty() { String::new() } else { format!(":{}", modes.join(",")) };
        self.binds.push(format!("{source}:{target}{mode}"));
    }
}

fn docker_config(config: &Config, mounts: &Mounts) -> Value {
    let own = |variable: &&String| ENV_OWN.contains(&variable.split('=').next().unwrap_or_default());
    let env: Vec<&String> = config.spec.process.env.iter().flatten().filter(|variable| !own(variable)).collect();
    let volumes: Map<String, Value> = mounts.anonymous.keys().map(|path| (path.clone(), json!({}))).collect();
    let exposed: Map<String, Value> = ports(config).map(|(key, _, _)| (key, json!({}))).collect();
    json!({
        "Hostname": config.spec.hostname,
        "User": config.user,
        "Tty": config.spec.process.terminal,
        "OpenStdin": config.stdin,
        "Env": env,
        "Cmd": config.command,
        "Entrypoint": config.entrypoint,
        "Image": config.image_name,
        "Volumes": volumes,
        "WorkingDir": config.spec.process.cwd,
        "Labels": config.labels,
        "ExposedPorts": exposed,
        "StopSignal": (config.stop_signal > 0 && config.stop_signal != 15).then(|| config.stop_signal.to_string()),
        "StopTimeout": config.stop_timeout.filter(|seconds| *seconds != 10),
        "Healthcheck": config.healthcheck,
    })
}

fn docker_host(config: &Config, mounts: &mut Mounts) -> Value {
    let resources = &config.spec.linux.resources;
    let bounding = config.spec.process.capabilities.as_ref().and_then(|sets| sets.bounding.clone()).unwrap_or_default();
    let known = !config.privileged && !bounding.is_empty();
    let added: Vec<&String> = bounding.iter().filter(|cap| known && !CAPABILITIES.contains(&cap.as_str())).collect();
    let dropped: Vec<&str> = CAPABILITIES.into_iter().filter(|cap| known && !bounding.iter().any(|have| have == cap)).collect();
    let mut published: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, ip, port) in ports(config) {
        published.entry(key).or_default().push(json!({ "HostIp": ip, "HostPort": port }));
    }
    json!({
        "Binds": std::mem::take(&mut mounts.binds),
        "Mounts": std::mem::take(&mut mounts.long),
        "Tmpfs": std::mem::take(&mut mounts.tmpfs),
        "NetworkMode": network(config),
        "PortBindings": published,
        "RestartPolicy": { "Name": config.restart_policy, "MaximumRetryCount": config.restart_retries.unwrap_or(0) },
        "Privileged": config.privileged,
        "ReadonlyRootfs": config.spec.root.readonly,
        "CapAdd": added,
        "CapDrop": dropped,
        "GroupAdd": config.groups,
        "Dns": config.dns,
        "DnsSearch": config.dns_search,
        "DnsOptions": config.dns_option,
        "ExtraHosts": config.hosts,
        "ShmSize": if config.shm_size == SHM_DEFAULT { 0 } else { config.shm_size },
        "Memory": resources.memory.limit,
        "MemorySwap": resources.memory.swap,
        "MemoryReservation": resources.memory.reservation,
        "CpuShares": resources.cpu.shares,
        "CpuQuota": resources.cpu.quota,
        "CpuPeriod": resources.cpu.period,
        "CpusetCpus": resources.cpu.cpus,
        "CpusetMems": resources.cpu.mems,
        "PidsLimit": (resources.pids.limit != PIDS_DEFAULT && resources.pids.limit != 0).then_some(resources.pids.limit),
    })
}

fn network(config: &Config) -> String {
    let has_own = config.spec.linux.namespaces.iter().flatten().any(|namespace| namespace.kind == "network");
    if !config.network_of.is_empty() {
        format!("container:{}", config.network_of)
    } else if config.has_network {
        "default".to_owned()
    } else if has_own {
        "none".to_owned()
    } else {
        "host".to_owned()
    }
}

/// `80/tcp`, the host's address and port; ranges port by port.
fn ports(config: &Config) -> impl Iterator<Item = (String, String, String)> {
    config.ports.iter().flatten().flat_map(|port| {
        (0..port.range.clamp(1, 1024)).filter_map(move |n| {
            let protocol = if port.protocol.is_empty() { "tcp" } else { &port.protocol };
            let inside = port.container_port.checked_add(n)?;
            let outside = if port.host_port == 0 { String::new() } else { port.host_port.checked_add(n)?.to_string() };
            Some((format!("{inside}/{protocol}"), port.host_ip.clone(), outside))
        })
    })
}
