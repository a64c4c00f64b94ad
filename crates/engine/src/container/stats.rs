//! `stats`: what a container uses now, in the JSON of Docker's `GET /containers/{id}/stats`.

use serde_json::{Map, Value, json};
use stead_base::time::{self, Time};
use stead_runtime::cgroup::usage::{self, IoEntry, Usage};

use super::record::Container;
use crate::{Engine, Failure, Result};

/// Nanoseconds of a tick of /proc/stat.
const TICK_NANOS: u64 = 10_000_000;

impl Engine {
    /// One moment's counters. `before`, an earlier answer for the same container, becomes `precpu_stats`. A container that does not run
    /// has Docker's empty shape.
    ///
    /// # Errors
    /// No such container.
    pub fn container_stats(&self, typed: &str, before: Option<&Value>) -> Result<Value> {
        let container = self.container(typed)?;
        let now = self.now(&container.id);
        let plan = now.is_running().then(|| stead_runtime::spec::read(&self.run_root, &container.id)).flatten();
        let Some(plan) = plan else { return Ok(empty(&container)) };
        let used = usage::read(&plan).map_err(|error| Failure::new(error.kind(), error.to_string()))?;
        let mut stats = empty(&container);
        let was = |key: &str| before.and_then(|before| before.get(key)).cloned();
        stats["read"] = json!(Time::now().rfc3339_nano());
        stats["preread"] = was("read").unwrap_or_else(|| json!(time::ZERO));
        stats["pids_stats"] = pids(&used);
        stats["blkio_stats"] = blkio(&used);
        stats["cpu_stats"] = cpu(&used);
        if let Some(before) = was("cpu_stats") {
            stats["precpu_stats"] = before;
        }
        stats["memory_stats"] = memory(&used);
        if container.host.network_mode != "host"
            && let Some(networks) = networks(now.pid())
        {
            stats["networks"] = networks;
        }
        Ok(stats)
    }
}

/// What Docker answers for a container that does not run.
fn empty(container: &Container) -> Value {
    json!({
        "name": format!("/{}", container.name),
        "id": container.id,
        "read": time::ZERO,
        "preread": time::ZERO,
        "pids_stats": {},
        "blkio_stats": blkio(&Usage::default()),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": no_cpu(),
        "precpu_stats": no_cpu(),
        "memory_stats": {},
    })
}

fn no_cpu() -> Value {
    json!({
        "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

fn pids(used: &Usage) -> Value {
    let mut map = Map::new();
    if used.pids > 0 {
        map.insert("current".to_owned(), json!(used.pids));
    }
    // "No limit" is the largest number on v2, and not said on v1.
    let unlimited = (stead_runtime::cgroup::version() == "2").then_some(u64::MAX);
    if let Some(limit) = used.pids_limit.or(unlimited) {
        map.insert("limit".to_owned(), json!(limit));
    }
    Value::Object(map)
}

fn blkio(used: &Usage) -> Value {
    // Of a group of v1 Docker shows empty lists, elsewhere null.
    let none = if used.pids > 0 && stead_runtime::cgroup::version() == "1" { json!([]) } else { Value::Null };
    let list = |entries: &[IoEntry]| match entries {
        [] => none.clone(),
        entries => {
            entries.iter().map(|e| json!({ "major": e.device.0, "minor": e.device.1, "op": e.operation, "value": e.value })).collect()
        }
    };
    json!({
        "io_service_bytes_recursive": list(&used.io.bytes),
        "io_serviced_recursive": list(&used.io.operations),
        "io_queue_recursive": none,
        "io_service_time_recursive": none,
        "io_wait_time_recursive": none,
        "io_merged_recursive": none,
        "io_time_recursive": none,
        "sectors_recursive": none,
    })
}

fn cpu(used: &Usage) -> Value {
    let mut times = json!({
        "total_usage": used.cpu.total,
        "usage_in_kernelmode": used.cpu.system,
        "usage_in_usermode": used.cpu.user,
    });
    if !used.cpu.per_cpu.is_empty() {
        times["percpu_usage"] = json!(used.cpu.per_cpu);
    }
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let cpus = text.lines().filter(|line| line.strip_prefix("cpu").is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit()))).count();
    json!({
        "cpu_usage": times,
        "system_cpu_usage": system_cpu(&text),
        "online_cpus": cpus,
        "throttling_data": {
            "periods": used.cpu.periods,
            "throttled_periods": used.cpu.throttled_periods,
            "throttled_time": used.cpu.throttled_time,
        },
    })
}

/// CPU time of the whole machine in nanoseconds, idle time included: the first seven numbers of the line for all CPUs.
fn system_cpu(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: u64 = line.split_whitespace().take(7).filter_map(|word| word.parse::<u64>().ok()).sum();
    ticks.saturating_mul(TICK_NANOS)
}

fn memory(used: &Usage) -> Value {
    let mut map = Map::new();
    let whole = whole_memory();
    let limit = used.memory.limit.filter(|limit| whole == 0 || *limit < whole).unwrap_or(whole);
    for (key, value) in
        [("usage", used.memory.usage), ("max_usage", used.memory.max_usage), ("failcnt", used.memory.fail_count), ("limit", limit)]
    {
        if value > 0 {
            map.insert(key.to_owned(), json!(value));
        }
    }
    map.insert("stats".to_owned(), json!(used.memory.stat));
    Value::Object(map)
}

/// Bytes of the machine's memory.
fn whole_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}

/// The interfaces of the container's network namespace, its loopback left out; nothing where there are none.
fn networks(pid: u32) -> Option<Value> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let found = interfaces(&text);
    (!found.is_empty()).then_some(Value::Object(found))
}

fn interfaces(text: &str) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, numbers) in text.lines().skip(2).filter_map(|line| line.split_once(':')) {
        let numbers: Vec<u64> = numbers.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect();
        let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
        let name = name.trim();
        if name != "lo" {
            let counters = json!({
                "rx_bytes": at(0), "rx_packets": at(1), "rx_errors": at(2), "rx_dropped": at(3),
                "tx_bytes": at(8), "tx_packets": at(9), "tx_errors": at(10), "tx_dropped": at(11),
            });
            found.insert(name.to_owned(), counters);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(system_cpu("cpu  1 2 3 4 5 6 7 800 9 10\ncpu0 1 1\n"), 28 * TICK_NANOS);
        let text = "Inter-|   Receive |  Transmit\n face |bytes packets\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n";
        let found = interfaces(text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["eth0"]);
        assert_eq!((&found["eth0"]["rx_bytes"], &found["eth0"]["tx_dropped"]), (&json!(10), &json!(8)));
    }

    #[test]
    fn no_limit_of_memory_is_all_of_it() {
        let used = Usage::default();
        assert_eq!(memory(&used)["limit"], json!(whole_memory()));
    }
}
