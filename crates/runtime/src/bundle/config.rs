//! A plan as an OCI `config.json` (runtime-spec 1.0.2).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::is_late;
use crate::launch::{LaunchError, cgroup_namespace};
use crate::seccomp;
use crate::spec::{DeviceRule, Namespace, NetNamespace, Plan, Rlimit};
use crate::user::Identity;
use crate::{device, program};

/// The document for a plan as a user may look at it; users are named by what the host's files are not asked for: root unless numeric.
pub fn config_json(plan: &Plan) -> Result<Value, LaunchError> {
    let root = stead_sys::path::open_root(Path::new("/"))?;
    let numeric = plan.process.user.split(':').all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let spec = if numeric { plan.process.user.as_str() } else { "" };
    let identity = crate::user::lookup(std::os::fd::AsFd::as_fd(&root), spec, &[])?;
    document(plan, &identity, &plan.bundle.join("rootfs"), |at| plan.bundle.join("late").join(at.to_string()))
}

/// The document; `late` names the places of mounts the runtime makes itself.
pub(super) fn document(plan: &Plan, identity: &Identity, root: &Path, late: impl Fn(usize) -> PathBuf) -> Result<Value, LaunchError> {
    let (masked, readonly) =
        if plan.privileged { (Vec::new(), Vec::new()) } else { (plan.masked_paths.clone(), plan.readonly_paths.clone()) };
    let filter = seccomp::oci(plan, &plan.process.caps)?;
    let mut linux = json!({
        "namespaces": namespaces(plan),
        "cgroupsPath": format!("/{}", plan.cgroup_path()),
        "resources": resources(plan),
        "devices": devices(plan),
        "maskedPaths": masked,
        "readonlyPaths": readonly,
        "sysctl": plan.sysctls,
    });
    if let (Some(filter), Some(linux)) = (filter, linux.as_object_mut()) {
        linux.insert("seccomp".into(), filter);
    }
    Ok(json!({
        "ociVersion": "1.0.2",
        "hostname": if plan.namespaces.uts == Namespace::New { plan.hostname.as_str() } else { "" },
        "root": {"path": root, "readonly": plan.readonly_rootfs},
        "process": process(plan, identity),
        "mounts": mounts(plan, late),
        "linux": linux,
    }))
}

fn process(plan: &Plan, identity: &Identity) -> Value {
    let process = &plan.process;
    let mut env = process.env.clone();
    if program::variable(&env, "HOME").is_none_or(str::is_empty) {
        env.push(format!("HOME={}", identity.home));
    }
    let mut document = json!({
        "terminal": process.tty,
        "user": {"uid": identity.uid, "gid": identity.gid, "additionalGids": identity.groups, "umask": process.umask.unwrap_or(0o022)},
        "args": process.args,
        "env": env,
        "cwd": if process.cwd.is_empty() { "/" } else { process.cwd.as_str() },
        "capabilities": {"bounding": process.caps, "effective": process.caps, "permitted": process.caps, "inheritable": [], "ambient": []},
        "noNewPrivileges": process.no_new_privileges,
        "rlimits": process.rlimits.iter().map(rlimit).collect::<Vec<_>>(),
    });
    if let (Some(score), Some(document)) = (process.oom_score_adj, document.as_object_mut()) {
        document.insert("oomScoreAdj".into(), json!(score));
    }
    document
}

fn rlimit(limit: &Rlimit) -> Value {
    let name = limit.name.to_ascii_uppercase();
    let name = if name.starts_with("RLIMIT_") { name } else { format!("RLIMIT_{name}") };
    json!({"type": name, "soft": limit.soft, "hard": limit.hard})
}

fn namespaces(plan: &Plan) -> Value {
    let wanted = &plan.namespaces;
    let mut list = vec![json!({"type": "mount"})];
    let cgroup = cgroup_namespace(plan);
    for (name, namespace) in [("ipc", &wanted.ipc), ("pid", &wanted.pid), ("uts", &wanted.uts), ("cgroup", &cgroup)] {
        match namespace {
            Namespace::New => list.push(json!({"type": name})),
            Namespace::Path(path) => list.push(json!({"type": name, "path": path})),
            Namespace::Host | Namespace::Container(_) => {}
        }
    }
    match &wanted.net {
        NetNamespace::None => list.push(json!({"type": "network"})),
        NetNamespace::Path(path) => {
            // Our own descriptors have another name for the program that reads this.
            let own = format!("/proc/{}", std::process::id());
            let path = path.strip_prefix("/proc/self").map_or_else(|_other| path.clone(), |rest| PathBuf::from(&own).join(rest));
            list.push(json!({"type": "network", "path": path}));
        }
        NetNamespace::Host => {}
    }
    json!(list)
}

fn mounts(plan: &Plan, late: impl Fn(usize) -> PathBuf) -> Value {
    let rw = if plan.privileged { "rw" } else { "ro" };
    let shm = format!("size={}", plan.shm_bytes());
    let mut list = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}),
        json!({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]}),
        json!({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", shm]}),
        json!({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]}),
        json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", rw]}),
        json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [rw, "nosuid", "noexec", "nodev"]}),
    ];
    if plan.no_ipc_files {
        list.retain(|own| !matches!(own.get("destination").and_then(Value::as_str), Some("/dev/shm" | "/dev/mqueue")));
    }
    list.retain(|own| !plan.mounts.iter().any(|user| own.get("destination").and_then(Value::as_str).map(Path::new) == Some(&user.target)));
    for (at, user) in plan.mounts.iter().enumerate().filter(|(_, user)| is_late(&user.target)) {
        // Attributes are already on the mount that is bound.
        list.push(json!({"destination": user.target, "type": "bind", "source": late(at), "options": ["rbind"]}));
    }
    json!(list)
}

fn devices(plan: &Plan) -> Value {
    let nodes =
        device::given(plan).into_iter().map(|(node, _)| node).chain(plan.privileged.then(device::all_of_host).into_iter().flatten());
    let list: Vec<Value> = nodes
        .map(|node| {
            let id = node.file.id;
            json!({"path": node.target, "type": if id.block { "b" } else { "c" }, "major": id.major, "minor": id.minor,
                "fileMode": node.file.mode, "uid": node.file.uid, "gid": node.file.gid})
        })
        .collect();
    json!(list)
}

fn resources(plan: &Plan) -> Value {
    let limits = &plan.cgroup;
    let rules: Vec<Value> = if plan.privileged {
        vec![json!({"allow": true, "access": "rwm"})]
    } else {
        std::iter::once(json!({"allow": false, "access": "rwm"})).chain(crate::cgroup::device_rules(plan).iter().map(rule)).collect()
    };
    let mut resources = json!({"devices": rules});
    let Some(map) = resources.as_object_mut() else { return resources };
    if let Some((quota, period)) = crate::cgroup::cpu_bandwidth(plan) {
        map.insert("cpu".into(), json!({"quota": quota, "period": period}));
    }
    if limits.cpu_shares > 0 || !limits.cpuset_cpus.is_empty() {
        let cpu = map.entry("cpu").or_insert_with(|| json!({}));
        if let Some(cpu) = cpu.as_object_mut() {
            if limits.cpu_shares > 0 {
                cpu.insert("shares".into(), json!(limits.cpu_shares));
            }
            if !limits.cpuset_cpus.is_empty() {
                cpu.insert("cpus".into(), json!(limits.cpuset_cpus));
            }
        }
    }
    if limits.memory > 0 {
        map.insert("memory".into(), json!({"limit": limits.memory, "swap": crate::cgroup::memory_and_swap(plan)}));
    }
    if limits.pids_limit > 0 {
        map.insert("pids".into(), json!({"limit": limits.pids_limit}));
    }
    resources
}

fn rule(rule: &DeviceRule) -> Value {
    let mut document = json!({"allow": rule.allow, "type": rule.kind.to_string(), "access": rule.access});
    if let Some(document) = document.as_object_mut() {
        for (key, number) in [("major", rule.major), ("minor", rule.minor)] {
            if let Some(number) = number {
                document.insert(key.into(), json!(number));
            }
        }
    }
    document
}
