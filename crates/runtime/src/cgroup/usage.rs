//! What a container uses, as far as the kernel counts it, in the shape both versions can fill.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use stead_sys::cgroup::{self as kernel, Layout};

use super::{CgroupError, at};
use crate::spec::Plan;

/// One moment's counters. What the kernel does not count is zero, none or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Processes and threads.
    pub pids: u64,
    /// Most of them; none where there is no limit.
    pub pids_limit: Option<u64>,
    /// Block I/O.
    pub io: Io,
}

/// CPU time in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cpu {
    /// All of it.
    pub total: u64,
    /// In programs.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// By CPU, v1 only.
    pub per_cpu: Vec<u64>,
    /// Periods of the bandwidth limit that passed.
    pub periods: u64,
    /// Those in which it was reached.
    pub throttled_periods: u64,
    /// How long it held the container back.
    pub throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Now.
    pub usage: u64,
    /// Most there was, v1 only.
    pub max_usage: u64,
    /// How often the limit was hit, v1 only.
    pub fail_count: u64,
    /// The limit; none where there is none.
    pub limit: Option<u64>,
    /// `memory.stat`.
    pub stat: BTreeMap<String, u64>,
}

/// Block I/O by device and operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Io {
    /// Bytes.
    pub bytes: Vec<IoEntry>,
    /// Operations.
    pub operations: Vec<IoEntry>,
}

/// One counter of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoEntry {
    /// The device's numbers.
    pub device: (u64, u64),
    /// `read`, `write`, …
    pub operation: String,
    /// The count.
    pub value: u64,
}

/// Ticks of `cpuacct.stat`: the kernel's user interface has 100 a second on every architecture.
const TICK_NANOS: u64 = 10_000_000;

/// Reads what a container uses.
///
/// # Errors
/// No control groups are mounted. A group that has gone meanwhile reads as nothing.
pub fn read(plan: &Plan) -> Result<Usage, CgroupError> {
    let layout = kernel::detect().map_err(at(plan))?;
    let groups = Groups { plan, layout };
    Ok(if groups.layout.is_v2() { v2(&groups) } else { v1(&groups) })
}

struct Groups<'p> {
    plan: &'p Plan,
    layout: Layout,
}

impl Groups<'_> {
    fn open(&self, controller: &str) -> Option<OwnedFd> {
        let v2 = self.layout.v2.as_ref().filter(|_| self.layout.is_v2());
        let top = v2.or_else(|| self.layout.with(controller).map(|hierarchy| &hierarchy.path))?;
        kernel::open(&top.join(self.plan.cgroup_path())).ok()
    }

    fn text(&self, controller: &str, file: &str) -> String {
        self.open(controller).and_then(|group| kernel::read(group.as_fd(), file).ok()).unwrap_or_default()
    }

    fn number(&self, controller: &str, file: &str) -> Option<u64> {
        self.text(controller, file).trim().parse().ok()
    }

    fn table(&self, controller: &str, file: &str) -> BTreeMap<String, u64> {
        table(&self.text(controller, file))
    }
}

/// Lines of a name and a number.
fn table(text: &str) -> BTreeMap<String, u64> {
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(k, v)| Some((k.to_owned(), v.trim().parse().ok()?))).collect()
}

/// v1 says "unlimited" as the largest multiple of a page below 2^63.
fn limited(bytes: Option<u64>) -> Option<u64> {
    bytes.filter(|bytes| *bytes < 1 << 62)
}

fn v1(groups: &Groups<'_>) -> Usage {
    let times = groups.table("cpuacct", "cpuacct.stat");
    let throttling = groups.table("cpu", "cpu.stat");
    let of = |map: &BTreeMap<String, u64>, key: &str| map.get(key).copied().unwrap_or(0);
    let blkio = |files: [&str; 3]| {
        let texts = files.into_iter().map(|file| io_v1(&groups.text("blkio", file)));
        texts.into_iter().find(|entries| !entries.is_empty()).unwrap_or_default()
    };
    Usage {
        cpu: Cpu {
            total: groups.number("cpuacct", "cpuacct.usage").unwrap_or(0),
            user: of(&times, "user") * TICK_NANOS,
            system: of(&times, "system") * TICK_NANOS,
            per_cpu: groups.text("cpuacct", "cpuacct.usage_percpu").split_whitespace().filter_map(|n| n.parse().ok()).collect(),
            periods: of(&throttling, "nr_periods"),
            throttled_periods: of(&throttling, "nr_throttled"),
            throttled_time: of(&throttling, "throttled_time"),
        },
        memory: Memory {
            usage: groups.number("memory", "memory.usage_in_bytes").unwrap_or(0),
            max_usage: groups.number("memory", "memory.max_usage_in_bytes").unwrap_or(0),
            fail_count: groups.number("memory", "memory.failcnt").unwrap_or(0),
            limit: limited(groups.number("memory", "memory.limit_in_bytes")),
            stat: groups.table("memory", "memory.stat"),
        },
        pids: groups.number("pids", "pids.current").unwrap_or(0),
        pids_limit: groups.number("pids", "pids.max"),
        io: Io {
            bytes: blkio([
                "blkio.bfq.io_service_bytes_recursive",
                "blkio.io_service_bytes_recursive",
                "blkio.throttle.io_service_bytes_recursive",
            ]),
            operations: blkio(["blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"]),
        },
    }
}

/// `8:0 Read 4096`; the line with the sum of all devices has no numbers of a device.
fn io_v1(text: &str) -> Vec<IoEntry> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (major, minor) = words.next()?.split_once(':')?;
        let operation = words.next()?.to_lowercase();
        Some(IoEntry { device: (major.parse().ok()?, minor.parse().ok()?), operation, value: words.next()?.parse().ok()? })
    };
    text.lines().filter_map(entry).collect()
}

fn v2(groups: &Groups<'_>) -> Usage {
    let cpu = groups.table("cpu", "cpu.stat");
    let nanos = |key: &str| cpu.get(key).copied().unwrap_or(0).saturating_mul(1000);
    let io = groups.text("io", "io.stat");
    Usage {
        cpu: Cpu {
            total: nanos("usage_usec"),
            user: nanos("user_usec"),
            system: nanos("system_usec"),
            per_cpu: Vec::new(),
            periods: cpu.get("nr_periods").copied().unwrap_or(0),
            throttled_periods: cpu.get("nr_throttled").copied().unwrap_or(0),
            throttled_time: nanos("throttled_usec"),
        },
        memory: Memory {
            usage: groups.number("memory", "memory.current").unwrap_or(0),
            max_usage: 0,
            fail_count: 0,
            limit: limited(groups.number("memory", "memory.max")),
            stat: groups.table("memory", "memory.stat"),
        },
        pids: groups.number("pids", "pids.current").unwrap_or(0),
        pids_limit: groups.number("pids", "pids.max"),
        io: Io {
            bytes: io_v2(&io, [("rbytes", "read"), ("wbytes", "write")]),
            operations: io_v2(&io, [("rios", "read"), ("wios", "write")]),
        },
    }
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
fn io_v2(text: &str, wanted: [(&str, &str); 2]) -> Vec<IoEntry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(|device| device.split_once(':')) else { continue };
        let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if let (Some((_, operation)), Ok(value)) = (wanted.iter().find(|(name, _)| *name == key), value.parse()) {
                entries.push(IoEntry { device: (major, minor), operation: (*operation).to_owned(), value });
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_block_counters_are_read() {
        let entry = |operation: &str, value| IoEntry { device: (8, 0), operation: operation.to_owned(), value };
        assert_eq!(io_v1("8:0 Read 4096\n8:0 Write 12\nTotal 4108\n"), [entry("read", 4096), entry("write", 12)]);
        let text = "8:0 rbytes=4096 wbytes=12 rios=1 wios=2 dbytes=0 dios=0\n";
        assert_eq!(io_v2(text, [("rbytes", "read"), ("wbytes", "write")]), [entry("read", 4096), entry("write", 12)]);
        assert_eq!(io_v2(text, [("rios", "read"), ("wios", "write")]), [entry("read", 1), entry("write", 2)]);
        assert!(io_v2("garbage\n8:x rbytes=1\n", [("rbytes", "read"), ("wbytes", "write")]).is_empty());
    }

    #[test]
    fn tables_skip_what_is_no_number() {
        assert_eq!(table("cache 12\nrss x\n"), BTreeMap::from([("cache".to_owned(), 12)]));
        assert_eq!(limited(Some(9_223_372_036_854_771_712)), None);
    }
}
