//! Whose namespaces a container lives in: what may be asked, and what of another container it needs at its start.

use stead_base::Kind;
use stead_runtime::{Namespace, Namespaces, NetNamespace};

use super::config::{Config, HostConfig};
use super::pause::not_running;
use crate::{Engine, Failure, Result};

const CONTAINER: &str = "container:";

/// Refuses modes that do not exist and options that contradict them.
pub(super) fn check(config: &Config, host: &HostConfig) -> Result<()> {
    let joins = |mode: &str| mode.strip_prefix(CONTAINER).is_some_and(|other| !other.is_empty());
    let known = |mode: &str, words: &[&str]| words.contains(&mode) || joins(mode);
    if !known(&host.ipc_mode, &["", "none", "private", "shareable", "host"]) {
        return Err(Failure::invalid(format!("invalid IPC mode: {}", host.ipc_mode)));
    }
    if !known(&host.pid_mode, &["", "private", "host"]) {
        return Err(Failure::invalid(format!("invalid PID mode: {}", host.pid_mode)));
    }
    for (mode, name) in [(&host.uts_mode, "UTS mode"), (&host.userns_mode, "user namespace mode")] {
        if !matches!(mode.as_str(), "" | "private" | "host") {
            return Err(Failure::invalid(format!("invalid {name}: {mode}")));
        }
    }
    if !matches!(host.cgroupns_mode.as_str(), "" | "private" | "host") {
        return Err(Failure::invalid(format!("invalid cgroup namespace mode: {}", host.cgroupns_mode)));
    }
    if host.uts_mode == "host" && !config.hostname.is_empty() {
        return Err(Failure::invalid("conflicting options: hostname and the UTS mode"));
    }
    if !matches!(host.isolation.to_ascii_lowercase().as_str(), "" | "default") {
        return Err(Failure::invalid(format!("invalid isolation: {:?} - linux only supports 'default'", host.isolation)));
    }
    Ok(())
}

/// The container a mode names.
pub(super) fn joined(mode: &str) -> Option<&str> {
    mode.strip_prefix(CONTAINER).filter(|other| !other.is_empty())
}

impl Engine {
    /// Names become ids, so that the other container may be renamed. One that is not there is a wrong request: "not found" would make
    /// Docker's clients pull the image.
    pub(super) fn pin_modes(&self, host: &mut HostConfig) -> Result<()> {
        for mode in [&mut host.ipc_mode, &mut host.pid_mode] {
            if let Some(other) = joined(mode) {
                let id = self.container(other).map_err(|failure| Failure { kind: Kind::Invalid, ..failure })?.id;
                *mode = format!("{CONTAINER}{id}");
            }
        }
        Ok(())
    }

    /// The namespaces of one birth, except the network's.
    pub(super) fn namespaces(&self, host: &HostConfig, net: NetNamespace) -> Result<Namespaces> {
        let join = |mode: &str, what: &str, donor: &dyn Fn(&str) -> Result<String>| match joined(mode) {
            Some(other) => donor(other)
                .map(Namespace::Container)
                .map_err(|why| Failure { message: format!("failed to join {what} namespace: {}", why.message), ..why }),
            None if mode == "host" => Ok(Namespace::Host),
            None => Ok(Namespace::New),
        };
        Ok(Namespaces {
            net,
            ipc: join(&host.ipc_mode, "IPC", &|other| self.ipc_donor(other))?,
            pid: join(&host.pid_mode, "PID", &|other| self.running_donor(other))?,
            uts: if host.uts_mode == "host" { Namespace::Host } else { Namespace::New },
            cgroup: match host.cgroupns_mode.as_str() {
                "host" => Some(Namespace::Host),
                "private" => Some(Namespace::New),
                _ => None,
            },
        })
    }

    /// The id of a running container.
    fn running_donor(&self, other: &str) -> Result<String> {
        let donor = self.container(other).map_err(|failure| Failure { kind: Kind::Invalid, ..failure })?;
        match self.now(&donor.id).status {
            "running" | "paused" => Ok(donor.id),
            "restarting" => {
                Err(Failure::new(Kind::Conflict, format!("Container {} is restarting, wait until the container is running", donor.id)))
            }
            _ => Err(not_running(&donor.id)),
        }
    }

    /// The same, if it shares its System V objects and its /dev/shm.
    fn ipc_donor(&self, other: &str) -> Result<String> {
        let id = self.running_donor(other)?;
        let mode = self.container(&id)?.host.ipc_mode;
        if mode == "shareable" || mode == "host" || joined(&mode).is_some() {
            return Ok(id);
        }
        let what = format!("container {id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
        Err(Failure::invalid(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &Config, host: &HostConfig) -> String {
        check(config, host).unwrap_err().message
    }

    #[test]
    fn modes_are_known_or_refused_in_dockers_words() {
        let none = Config::default();
        let host = |change: fn(&mut HostConfig)| {
            let mut host = HostConfig::default();
            change(&mut host);
            host
        };
        assert_eq!(refused(&none, &host(|h| h.ipc_mode = "x".into())), "invalid IPC mode: x");
        assert_eq!(refused(&none, &host(|h| h.ipc_mode = "container:".into())), "invalid IPC mode: container:");
        assert_eq!(refused(&none, &host(|h| h.pid_mode = "x".into())), "invalid PID mode: x");
        assert_eq!(refused(&none, &host(|h| h.uts_mode = "container:a".into())), "invalid UTS mode: container:a");
        assert_eq!(
            refused(&none, &host(|h| h.isolation = "hyperv".into())),
            "invalid isolation: \"hyperv\" - linux only supports 'default'"
        );
        let named = Config { hostname: "h".into(), ..Config::default() };
        assert_eq!(refused(&named, &host(|h| h.uts_mode = "host".into())), "conflicting options: hostname and the UTS mode");
        for fine in ["", "none", "private", "shareable", "host", "container:a"] {
            assert!(check(&none, &HostConfig { ipc_mode: fine.into(), ..HostConfig::default() }).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_mode_names_a_container_or_none() {
        assert_eq!((joined("container:a"), joined("container:"), joined("host")), (Some("a"), None, None));
    }
}
