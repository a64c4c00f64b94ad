//! The pool: a btrfs of the engine's own, in which volumes are subvolumes.

mod create;
mod grow;
mod inspect;
mod remove;

use serde::Serialize;
use stead_base::size;
use stead_volume::pool::PoolState;

/// The pool as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoolView {
    /// 32 hexadecimal digits.
    #[serde(rename = "ID")]
    pub id: String,
    /// `file` or `device`.
    pub kind: String,
    /// The file or the device.
    pub source: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its file system.
    pub filesystem: String,
    /// RFC 3339.
    pub created_at: String,
    /// Bytes it may have.
    pub size: u64,
    /// Bytes used in it.
    pub used: u64,
    /// Bytes free in it.
    pub free: u64,
    /// Bytes its file takes of the host's disk; absent on a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated: Option<u64>,
    /// Bytes the host has free where the file lies; absent on a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_free: Option<u64>,
    /// Names of the volumes in it.
    pub volumes: Vec<String>,
    /// What whoever looks after the machine should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Less than a tenth is nearly full.
const NEARLY: u64 = 10;

pub(crate) fn view(state: &PoolState) -> PoolView {
    PoolView {
        id: state.pool.uuid.clone(),
        kind: if state.pool.device.is_some() { "device" } else { "file" }.to_owned(),
        source: state.source.display().to_string(),
        mountpoint: state.mount.display().to_string(),
        filesystem: "btrfs".to_owned(),
        created_at: state.pool.created_at.rfc3339(),
        size: state.pool.size,
        used: state.used,
        free: state.free,
        allocated: state.allocated,
        host_free: state.host_free,
        volumes: state.volumes.clone(),
        warnings: warnings(state),
    }
}

/// What is wrong or will soon be.
pub(crate) fn warnings(state: &PoolState) -> Vec<String> {
    let human = size::human_binary;
    let mut warnings = Vec::new();
    if state.free < state.pool.size / NEARLY {
        warnings.push(format!(
            "the pool is nearly full: {} of {} are free; 'stead system pool grow' makes it larger, 'stead volume trash empty' gives removed volumes back",
            human(state.free),
            human(state.pool.size)
        ));
    }
    let wanted = state.pool.size.saturating_sub(state.allocated.unwrap_or(0));
    if let Some(host) = state.host_free.filter(|host| *host < wanted / NEARLY) {
        warnings.push(format!(
            "the pool may still take {} and the host has {} free below it: when they are used up, writes in the pool fail though it has room",
            human(wanted),
            human(host)
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_can_not_hold_the_pool_is_told() {
        let pool = serde_json::json!({"version": 1, "uuid": "u", "size": 1000, "created_at": "2026-01-01T00:00:00Z", "is_ready": true});
        let state = |free, allocated, host_free| PoolState {
            pool: serde_json::from_value(pool.clone()).unwrap(),
            source: "f".into(),
            mount: "m".into(),
            used: 0,
            free,
            allocated,
            host_free,
            volumes: Vec::new(),
        };
        assert!(warnings(&state(900, Some(100), Some(90))).is_empty());
        assert!(warnings(&state(900, None, None)).is_empty());
        assert!(warnings(&state(900, Some(100), Some(89)))[0].contains("writes in the pool fail"));
        assert!(warnings(&state(99, None, None))[0].contains("nearly full"));
    }
}
