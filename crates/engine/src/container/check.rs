//! Refusing what cannot be: every option of `HostConfig` and `Config` is looked at before anything is made.

use super::config::{Config, HostConfig, NetworkingConfig, Ulimit};
use super::{limits, modes};
use crate::{Failure, Result};

/// Longest host name the kernel keeps (`HOST_NAME_MAX`).
const HOSTNAME_MAX: usize = 64;

/// Refuses a request with Docker's texts; gives back warnings for what is accepted but without effect.
///
/// # Errors
/// The first option that cannot be, by name and value.
pub(super) fn request(config: &Config, host: &HostConfig, networking: &NetworkingConfig) -> Result<Vec<String>> {
    restart(host)?;
    super::health::check(config.healthcheck.as_ref())?;
    let mut warnings = limits::check(host, limits::When::Create)?;
    modes::check(config, host)?;
    security(host)?;
    runtime(host)?;
    names(config, host)?;
    host.ulimits.iter().flatten().try_for_each(ulimit)?;
    if let Some(signal) = &config.stop_signal {
        super::signal::parse(signal)?;
    }
    stead_runtime::capability::resolve(words(host.cap_add.as_ref()), words(host.cap_drop.as_ref()), host.privileged)?;
    super::network::check(config, host, networking)?;
    sysctls(host)?;
    warnings.extend(volume_driver(host));
    Ok(warnings)
}

fn words(list: Option<&Vec<String>>) -> &[String] {
    list.map_or(&[], Vec::as_slice)
}

pub(super) fn restart(host: &HostConfig) -> Result<()> {
    let policy = &host.restart_policy;
    match policy.name.as_str() {
        "" | "no" | "always" | "unless-stopped" => {
            if policy.maximum_retry_count != 0 {
                return Err(Failure::invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'"));
            }
        }
        "on-failure" => {
            if policy.maximum_retry_count < 0 {
                return Err(Failure::invalid("invalid restart policy: maximum retry count cannot be negative"));
            }
        }
        other => {
            return Err(Failure::invalid(format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )));
        }
    }
    if host.auto_remove && !matches!(policy.name.as_str(), "" | "no") {
        return Err(Failure::invalid("can't create 'AutoRemove' container with restart policy"));
    }
    Ok(())
}

/// `--security-opt`, decided.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Security {
    /// Set-uid programs give nothing.
    pub(super) no_new_privileges: bool,
    /// `None`: the default profile; otherwise `unconfined` or the profile's text.
    pub(super) seccomp: Option<String>,
}

/// Reads `--security-opt`.
///
/// # Errors
/// `invalid --security-opt: "x"` for what Docker does not know.
pub(super) fn security(host: &HostConfig) -> Result<Security> {
    let mut decided = Security::default();
    for option in words(host.security_opt.as_ref()) {
        let bad = || Failure::invalid(format!("invalid --security-opt 2: {option:?}"));
        if option == "no-new-privileges" {
            decided.no_new_privileges = true;
            continue;
        }
        let (key, value) = option.split_once(['=', ':']).ok_or_else(bad)?;
        match key {
            "no-new-privileges" => {
                decided.no_new_privileges =
                    value.parse().map_err(|_parse| Failure::invalid(format!("invalid --security-opt 2: {option:?}")))?;
            }
            "seccomp" => decided.seccomp = Some(value.to_owned()).filter(|v| v != "builtin"),
            // Without a loaded security module these have nothing to act on; Docker accepts them too.
            "label" | "apparmor" | "systempaths" => {}
            _ => return Err(bad()),
        }
    }
    Ok(decided)
}

/// Docker knows its runtimes by name; here a name is that of a program of the system.
fn runtime(host: &HostConfig) -> Result<()> {
    match super::plan::runtime(host) {
        Some(name) if stead_runtime::bundle::find(&name).is_err() => {
            Err(Failure::invalid(format!("unknown or invalid runtime name: {name}")))
        }
        _ => Ok(()),
    }
}

fn names(config: &Config, host: &HostConfig) -> Result<()> {
    if host.annotations.iter().flatten().any(|(key, _)| key.is_empty()) {
        return Err(Failure::invalid("invalid Annotations: the empty string is not permitted as an annotation key"));
    }
    if config.hostname.len() > HOSTNAME_MAX {
        return Err(Failure::invalid(format!("invalid hostname: {} is longer than {HOSTNAME_MAX} characters", config.hostname)));
    }
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(Failure::invalid(format!(
            "the working directory '{}' is invalid, it needs to be an absolute path",
            config.working_dir
        )));
    }
    if let Some(bad) = config.env.iter().find(|v| v.is_empty() || v.starts_with('=')) {
        return Err(Failure::invalid(format!("invalid environment variable: {bad}")));
    }
    let stray_nul =
        config.env.iter().chain(config.cmd.iter().flatten()).chain(config.entrypoint.iter().flatten()).any(|w| w.contains('\0'));
    if stray_nul {
        return Err(Failure::invalid("a command line or an environment variable contains a NUL byte"));
    }
    for device in host.devices.iter().flatten() {
        if device.cgroup_permissions.chars().any(|c| !"rwm".contains(c)) {
            return Err(Failure::invalid(format!("invalid device mode: {}", device.cgroup_permissions)));
        }
        // Docker finds this out at the start and leaves a container behind that can never run.
        if let Err(error) = std::fs::metadata(&device.path_on_host) {
            let why = if error.kind() == std::io::ErrorKind::NotFound { "no such file or directory".to_owned() } else { error.to_string() };
            let what = format!("error gathering device information while adding custom device {:?}: {why}", device.path_on_host);
            return Err(Failure::invalid(what));
        }
    }
    Ok(())
}

const ULIMITS: [&str; 16] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
    "as",
];

fn ulimit(limit: &Ulimit) -> Result<()> {
    if !ULIMITS.contains(&limit.name.as_str()) {
        return Err(Failure::invalid(format!("invalid ulimit type: {}", limit.name)));
    }
    if limit.hard != -1 && (limit.soft > limit.hard || limit.soft == -1) {
        return Err(Failure::invalid(format!(
            "ulimit soft limit must be less than or equal to hard limit: {} > {}",
            limit.soft, limit.hard
        )));
    }
    Ok(())
}

/// Kernel parameters that belong to a namespace, by prefix; everything else would change the host.
const SYSCTL_PREFIXES: [&str; 3] = ["net.", "fs.mqueue.", "kernel.shm"];
const SYSCTL_NAMES: [&str; 3] = ["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni"];

fn sysctls(host: &HostConfig) -> Result<()> {
    for key in host.sysctls.iter().flatten().map(|(k, _)| k.as_str()) {
        let namespaced = SYSCTL_PREFIXES.iter().any(|p| key.starts_with(p)) || SYSCTL_NAMES.contains(&key) || key == "kernel.sem";
        let clean = key.split('.').all(|part| !part.is_empty() && !part.contains('/'));
        if !namespaced || !clean {
            return Err(Failure::invalid(format!("sysctl '{key}' is not whitelisted")));
        }
        if key.starts_with("net.") && host.network_mode == "host" {
            return Err(Failure::invalid(format!("sysctl '{key}' not allowed in host network namespace")));
        }
    }
    Ok(())
}

fn volume_driver(host: &HostConfig) -> Option<String> {
    let ignored = !host.volume_driver.is_empty() && host.mounts.as_ref().is_some_and(|m| !m.is_empty());
    ignored.then(|| {
        "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::RestartPolicy;
    use super::*;

    fn refused(host: &HostConfig) -> String {
        request(&Config::default(), host, &NetworkingConfig::default()).unwrap_err().message
    }

    #[test]
    fn restart_policies_are_checked_in_dockers_words() {
        let with = |name: &str, n| HostConfig {
            restart_policy: RestartPolicy { name: name.to_owned(), maximum_retry_count: n },
            ..HostConfig::default()
        };
        assert!(request(&Config::default(), &with("on-failure", 3), &NetworkingConfig::default()).is_ok());
        assert!(refused(&with("sometimes", 0)).contains("unknown policy 'sometimes'"));
        assert!(refused(&with("always", 3)).contains("can only be used with 'on-failure'"));
        assert!(refused(&HostConfig { auto_remove: true, ..with("always", 0) }).contains("AutoRemove"));
    }

    #[test]
    fn sysctls_of_the_host_are_out_of_reach() {
        let with = |k: &str| HostConfig { sysctls: Some([(k.to_owned(), "1".to_owned())].into()), ..HostConfig::default() };
        assert!(request(&Config::default(), &with("net.ipv4.ip_forward"), &NetworkingConfig::default()).is_ok());
        for bad in ["kernel.core_pattern", "vm.swappiness", "net./../kernel", "net..x"] {
            assert!(refused(&with(bad)).contains("not whitelisted"), "{bad}");
        }
    }

    #[test]
    fn security_options_are_read_or_refused() {
        let with = |o: &str| HostConfig { security_opt: Some(vec![o.to_owned()]), ..HostConfig::default() };
        assert!(security(&with("no-new-privileges")).unwrap().no_new_privileges);
        assert!(!security(&with("no-new-privileges=false")).unwrap().no_new_privileges);
        assert_eq!(security(&with("seccomp=unconfined")).unwrap().seccomp.as_deref(), Some("unconfined"));
        assert!(refused(&with("bogus")).contains("invalid --security-opt"));
    }
}
