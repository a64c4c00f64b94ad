//! Capabilities by name: the kernel's list, Docker's rules for `--cap-add` and `--cap-drop`.

use std::collections::BTreeSet;

use crate::defaults;

/// The kernel's capabilities, the index being the number (include/uapi/linux/capability.h, Linux 6.x).
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Why a list of capabilities was refused, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// `--cap-add` names something the kernel does not know.
    #[error("invalid CapAdd: unknown capability: \"{0}\"")]
    UnknownAdd(String),
    /// `--cap-drop` names something the kernel does not know.
    #[error("invalid CapDrop: unknown capability: \"{0}\"")]
    UnknownDrop(String),
}

impl CapabilityError {
    /// Always the user's mistake.
    pub fn kind(&self) -> stead_base::Kind {
        stead_base::Kind::Invalid
    }
}

/// The capabilities of a container from Docker's options, in the kernel's order of numbers.
///
/// Rules of moby's `caps.TweakCapabilities`: privileged gives all; `ALL` in add starts from all minus drop; `ALL` in drop starts
/// from nothing plus add; else the default list minus drop plus add.
pub fn resolve(add: &[String], drop: &[String], privileged: bool) -> Result<Vec<String>, CapabilityError> {
    let add = normalize(add, CapabilityError::UnknownAdd)?;
    let drop = normalize(drop, CapabilityError::UnknownDrop)?;
    let all = || NAMES.iter().copied().collect::<BTreeSet<_>>();
    let set: BTreeSet<&str> = if privileged {
        all()
    } else if add.contains("ALL") {
        all().into_iter().filter(|cap| !drop.contains(cap)).collect()
    } else if drop.contains("ALL") {
        add.into_iter().collect()
    } else {
        defaults::CAPABILITIES.into_iter().filter(|cap| !drop.contains(cap)).chain(add).collect()
    };
    Ok(NAMES.iter().filter(|name| set.contains(*name)).map(ToString::to_string).collect())
}

/// The kernel's number of a capability named `CAP_X` or `X`, whatever the case.
pub fn number(name: &str) -> Option<u32> {
    let upper = name.to_ascii_uppercase();
    let index = NAMES.iter().position(|known| *known == upper || known.strip_prefix("CAP_") == Some(upper.as_str()))?;
    u32::try_from(index).ok()
}

/// The bit set of a list of names; unknown names are left out.
pub fn mask<S: AsRef<str>>(names: &[S]) -> u64 {
    names.iter().filter_map(|name| number(name.as_ref())).fold(0, |mask, number| mask | 1 << number)
}

fn normalize(names: &[String], unknown: fn(String) -> CapabilityError) -> Result<BTreeSet<&'static str>, CapabilityError> {
    names
        .iter()
        .map(|name| {
            let upper = name.trim().to_ascii_uppercase();
            if upper == "ALL" {
                return Ok("ALL");
            }
            let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
            NAMES.iter().copied().find(|known| *known == full).ok_or_else(|| unknown(full))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn default_is_dockers_fourteen() {
        let caps = resolve(&[], &[], false).unwrap();
        assert_eq!(caps.len(), 14);
        assert_eq!(mask(&caps), 0xa804_25fb, "CapBnd of every docker container");
    }

    #[test]
    fn all_and_single_names_combine_as_in_docker() {
        assert_eq!(resolve(&names(&["all"]), &names(&["chown"]), false).unwrap().len(), NAMES.len() - 1);
        assert_eq!(resolve(&names(&["NET_ADMIN"]), &names(&["ALL"]), false).unwrap(), ["CAP_NET_ADMIN"]);
        assert_eq!(resolve(&names(&["cap_sys_admin"]), &names(&["CAP_CHOWN"]), false).unwrap().len(), 14);
        assert_eq!(resolve(&[], &names(&["all"]), true).unwrap().len(), NAMES.len());
    }

    #[test]
    fn unknown_names_are_refused_in_dockers_words() {
        assert_eq!(resolve(&names(&["foo"]), &[], false).unwrap_err().to_string(), "invalid CapAdd: unknown capability: \"CAP_FOO\"");
        assert_eq!(resolve(&[], &names(&["foo"]), false).unwrap_err().to_string(), "invalid CapDrop: unknown capability: \"CAP_FOO\"");
    }
}
