//! From a record to the runtime's plan: every option that a process's birth needs to know, and nothing else.

use stead_layer::writable::Writable;
use stead_mount::{Mount, Ro};
use stead_network::Mode;
use stead_runtime::{BlkioDevice, CgroupLimits, Device, DeviceRule, NetNamespace, Plan, Process, Rlimit, Seccomp, capability, defaults};

use super::check;
use super::config::{HostConfig, ThrottleDevice};
use super::record::Container;
use crate::{Engine, Failure, Result};

impl Engine {
    /// The plan of one start. `mounts` are the user's, lowered and in depth order.
    pub(super) fn plan(&self, container: &Container, writable: &Writable, mounts: Vec<Mount>, net: NetNamespace) -> Result<Plan> {
        let host = &container.host;
        let lower = stead_layer::lower_dirs(&self.root, &diff_ids(container)?);
        let mut rootfs = Mount::rootfs(lower, Some(writable.upper.clone()), Some(writable.work.clone()));
        if host.auto_remove {
            // --rm: what it writes outside of volumes goes with it.
            rootfs = rootfs.thrown_away();
        }
        if host.readonly_rootfs {
            rootfs.attr.ro = Ro::Shallow;
        }
        let engine_files = self.engine_files(container);
        let mut cgroup = limits(container)?;
        self.limit_io(container, &mut cgroup)?;
        Ok(Plan {
            id: container.id.clone(),
            hostname: hostname(container),
            domainname: container.config.domainname.clone(),
            rootfs,
            readonly_rootfs: host.readonly_rootfs,
            mounts,
            engine_files,
            process: process(container)?,
            namespaces: self.namespaces(host, net)?,
            no_ipc_files: host.ipc_mode == "none",
            cgroup,
            devices: devices(host),
            sysctls: sysctls(host),
            shm_size: unsigned(host.shm_size),
            masked_paths: paths(host, host.masked_paths.as_ref(), defaults::masked_paths),
            readonly_paths: paths(host, host.readonly_paths.as_ref(), defaults::readonly_paths),
            privileged: host.privileged,
            init: host.init.unwrap_or(false),
            runtime: runtime(host),
            bundle: self.run_root.container(&container.id).join("bundle"),
        })
    }

    /// /etc/hosts, /etc/hostname and /etc/resolv.conf, except where the user mounts something of their own (moby's `TrySetNetworkMount`).
    fn engine_files(&self, container: &Container) -> Vec<Mount> {
        let dir = self.root.container(&container.id);
        let taken = |target: &str| {
            container.mounts.iter().any(|m| m.destination == target) || container.host.tmpfs.iter().flatten().any(|(p, _)| p == target)
        };
        stead_network::files::paths(&dir)
            .into_iter()
            .filter(|(target, _)| !taken(target))
            .map(|(target, path)| {
                let mount = Mount::bind(path, target);
                if container.host.readonly_rootfs { mount.read_only(Ro::Recursive) } else { mount }
            })
            .collect()
    }
}

/// The layers' ids as digests.
pub(crate) fn diff_ids(container: &Container) -> Result<Vec<stead_base::digest::Digest>> {
    container
        .layers
        .iter()
        .map(|text| stead_base::digest::Digest::parse(text).map_err(|bad| Failure::new(stead_base::Kind::Internal, bad.to_string())))
        .collect()
}

/// The name inside: what was asked, or the short id; the host's own where its network or its name is shared (as Docker).
pub(super) fn hostname(container: &Container) -> String {
    if !container.config.hostname.is_empty() {
        return container.config.hostname.clone();
    }
    if container.host.uts_mode == "host" || container.host.network_mode == "host" {
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if !own.trim().is_empty() {
            return own.trim().to_owned();
        }
    }
    stead_base::ids::short(&container.id).to_owned()
}

fn process(container: &Container) -> Result<Process> {
    let (config, host) = (&container.config, &container.host);
    let security = check::security(host)?;
    Ok(Process {
        args: container.args(),
        env: environment(container),
        cwd: config.working_dir.clone(),
        user: config.user.clone(),
        group_add: host.group_add.clone().unwrap_or_default(),
        tty: config.tty,
        caps: capability::resolve(host.cap_add.as_deref().unwrap_or(&[]), host.cap_drop.as_deref().unwrap_or(&[]), host.privileged)?,
        no_new_privileges: security.no_new_privileges,
        seccomp: match security.seccomp {
            _ if host.privileged => Seccomp::Unconfined,
            None => Seccomp::Default,
            Some(word) if word == "unconfined" => Seccomp::Unconfined,
            Some(profile) => Seccomp::Profile(profile),
        },
        rlimits: host.ulimits.iter().flatten().map(|u| Rlimit { name: u.name.clone(), soft: limit(u.soft), hard: limit(u.hard) }).collect(),
        umask: None,
        oom_score_adj: i32::try_from(host.oom_score_adj).ok(),
    })
}

/// Docker's own variables first, so that the image and the user can replace them.
fn environment(container: &Container) -> Vec<String> {
    let given = &container.config.env;
    let has = |key: &str| given.iter().any(|v| v.split('=').next() == Some(key));
    let mut env = Vec::with_capacity(given.len() + 3);
    if !has("PATH") {
        env.push(format!("PATH={}", defaults::PATH));
    }
    if !has("HOSTNAME") {
        env.push(format!("HOSTNAME={}", hostname(container)));
    }
    if container.config.tty && !has("TERM") {
        env.push("TERM=xterm".to_owned());
    }
    // `-e NAME` without a value takes the variable away.
    env.extend(given.iter().filter(|v| v.contains('=')).cloned());
    env
}

/// What was asked, and what Docker sets in a network namespace that is the container's own: any user may listen on any port, and ping.
fn sysctls(host: &HostConfig) -> std::collections::BTreeMap<String, String> {
    let mut all = host.sysctls.clone().unwrap_or_default();
    if Mode::parse(&host.network_mode).is_private() {
        all.entry("net.ipv4.ip_unprivileged_port_start".to_owned()).or_insert_with(|| "0".to_owned());
        all.entry("net.ipv4.ping_group_range".to_owned()).or_insert_with(|| "0 2147483647".to_owned());
    }
    all
}

/// What a container may use, as the runtime is told.
pub(super) fn limits(container: &Container) -> Result<CgroupLimits> {
    let host = &container.host;
    let rates = |list: &Option<Vec<ThrottleDevice>>| {
        list.iter().flatten().map(|d| BlkioDevice { path: d.path.clone().into(), rate: d.rate }).collect::<Vec<_>>()
    };
    Ok(CgroupLimits {
        path: cgroup_path(container),
        memory: unsigned(host.memory),
        memory_reservation: unsigned(host.memory_reservation),
        memory_swap: host.memory_swap,
        memory_swappiness: host.memory_swappiness.and_then(|n| u64::try_from(n).ok()),
        oom_kill_disable: host.oom_kill_disable.unwrap_or(false),
        nano_cpus: unsigned(host.nano_cpus),
        cpu_shares: unsigned(host.cpu_shares),
        cpu_period: unsigned(host.cpu_period),
        cpu_quota: host.cpu_quota,
        cpuset_cpus: host.cpuset_cpus.clone(),
        cpuset_mems: host.cpuset_mems.clone(),
        pids_limit: host.pids_limit.unwrap_or(0),
        cpu_rt_period: unsigned(host.cpu_realtime_period),
        cpu_rt_runtime: unsigned(host.cpu_realtime_runtime),
        blkio_weight: host.blkio_weight,
        blkio_weight_device: host
            .blkio_weight_device
            .iter()
            .flatten()
            .map(|d| BlkioDevice { path: d.path.clone().into(), rate: u64::from(d.weight) })
            .collect(),
        blkio_read_bps: rates(&host.blkio_device_read_bps),
        blkio_write_bps: rates(&host.blkio_device_write_bps),
        blkio_read_iops: rates(&host.blkio_device_read_iops),
        blkio_write_iops: rates(&host.blkio_device_write_iops),
        device_rules: host.device_cgroup_rules.iter().flatten().map(|text| device_rule(text)).collect::<Result<_>>()?,
    })
}

/// Below `--cgroup-parent` where one is named. Empty: the runtime's own place.
fn cgroup_path(container: &Container) -> String {
    let parts: Vec<&str> = container.host.cgroup_parent.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    if parts.is_empty() { String::new() } else { format!("{}/{}", parts.join("/"), container.id) }
}

/// Reads `c 1:3 rwm`.
pub(super) fn device_rule(text: &str) -> Result<DeviceRule> {
    let bad = || Failure::invalid(format!("invalid device cgroup rule format: '{text}'"));
    let [kind, numbers, access] = text.split_whitespace().collect::<Vec<_>>()[..] else { return Err(bad()) };
    let (major, minor) = numbers.split_once(':').ok_or_else(bad)?;
    let number = |n: &str| if n == "*" { Ok(None) } else { n.parse().map(Some).map_err(|_parse| bad()) };
    if !matches!(kind, "a" | "b" | "c") || access.is_empty() || access.chars().any(|c| !"rwm".contains(c)) {
        return Err(bad());
    }
    Ok(DeviceRule {
        allow: true,
        kind: kind.chars().next().unwrap_or('a'),
        major: number(major)?,
        minor: number(minor)?,
        access: access.to_owned(),
    })
}

fn devices(host: &HostConfig) -> Vec<Device> {
    host.devices
        .iter()
        .flatten()
        .map(|d| Device {
            host: d.path_on_host.clone().into(),
            container: if d.path_in_container.is_empty() { d.path_on_host.clone().into() } else { d.path_in_container.clone().into() },
            access: if d.cgroup_permissions.is_empty() { "rwm".to_owned() } else { d.cgroup_permissions.clone() },
        })
        .collect()
}

fn paths(host: &HostConfig, asked: Option<&Vec<String>>, default: fn() -> Vec<String>) -> Vec<String> {
    match asked {
        Some(list) => list.clone(),
        None if host.privileged => Vec::new(),
        None => default(),
    }
}

/// Empty, `stead` and Docker's `runc` mean our own: scripts that say `--runtime runc` mean "the ordinary one".
pub(super) fn runtime(host: &HostConfig) -> Option<String> {
    Some(host.runtime.as_str()).filter(|name| !matches!(*name, "" | "stead" | "runc" | "io.containerd.runc.v2")).map(str::to_owned)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn limit(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_rules_are_read_or_refused() {
        let rule = device_rule("c 1:* rw").unwrap();
        assert_eq!((rule.kind, rule.major, rule.minor, rule.access.as_str()), ('c', Some(1), None, "rw"));
        for bad in ["", "x 1:3 rwm", "c 1 rwm", "c 1:3 z", "c 1:3", "c -1:3 r"] {
            assert!(device_rule(bad).is_err(), "{bad}");
        }
    }
}
