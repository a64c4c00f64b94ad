//! `update`: other limits and another restart policy, for a running container at once.

use stead_base::Kind;
use stead_runtime::CgroupLimits;

use super::check;
use super::config::HostConfig;
use super::limits::{self, When};
use super::record::Container;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Changes what a container may use and when it is started again; what `change` leaves at zero stays. Answers warnings.
    ///
    /// The kernel is asked first: what it refuses is not recorded. Killed in between, the container has the new limits until its next start.
    ///
    /// # Errors
    /// Limits that cannot be, or not together with those it has; the kernel's refusal.
    pub fn container_update(&self, typed: &str, change: &HostConfig) -> Result<Vec<String>> {
        let mut warnings = limits::check(change, When::Update)?;
        check::restart(change)?;
        let id = self.container(typed)?.id;
        let refused = |failure: Failure| Failure { message: format!("Cannot update container {id}: {}", failure.message), ..failure };
        let held = self.hold_rootfs(&id)?;
        let before = self.container(&id)?;
        let mut after = before.clone();
        merge(&mut after.host, change).map_err(refused)?;
        let lives = self.now(&id).is_alive();
        if lives {
            warnings.extend(self.apply_limits(&before, &after).map_err(refused)?);
        }
        let recorded = self.store.publish(|tx| {
            let mut container: Container = tx.get(&id)?.ok_or_else(|| Failure::no_container(typed))?;
            merge(&mut container.host, change)?;
            tx.put(&container)?;
            Ok::<_, Failure>(())
        });
        if let Err(failure) = recorded {
            if lives {
                // As it was: the record says so still.
                drop(self.apply_limits(&after, &before));
            }
            return Err(failure);
        }
        if !change.restart_policy.name.is_empty()
            && let Some(mut client) = self.client_if_alive(&id)?
        {
            match client.set_restart(super::start::restart_policy(&after)) {
                // It ended while we asked; its next monitor reads the record.
                Ok(()) | Err(stead_monitor::Error::Gone(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(held);
        self.emit_container(&after, "update", &[]);
        Ok(warnings)
    }

    /// Tells the kernel, and writes the plan that a restart by policy is born from.
    fn apply_limits(&self, before: &Container, after: &Container) -> Result<Vec<String>> {
        let Some(mut plan) = stead_runtime::spec::read(&self.run_root, &after.id) else { return Ok(Vec::new()) };
        // Where its group is, is not changed by what it may use.
        let place = plan.cgroup.path.clone();
        let limits = |container: &Container| super::plan::limits(container).map(|limits| CgroupLimits { path: place.clone(), ..limits });
        plan.cgroup = limits(after)?;
        let mut warnings = Vec::new();
        if self.now(&after.id).is_running() && plan.runtime.is_none() {
            warnings = stead_runtime::cgroup::update(&plan).or_else(|error| {
                let mut old = plan.clone();
                old.cgroup = limits(before)?;
                drop(stead_runtime::cgroup::update(&old));
                Err(Failure::new(error.kind(), error.to_string()))
            })?;
        }
        let bytes = serde_json::to_vec(&plan).map_err(|e| Failure::new(Kind::Internal, format!("plan of {}: {e}", after.id)))?;
        stead_runtime::spec::write(&self.run_root, &after.id, &bytes)?;
        Ok(warnings)
    }
}

/// Puts the change over what the container has, unless the two contradict each other.
fn merge(host: &mut HostConfig, change: &HostConfig) -> Result<()> {
    conflicts(host, change)?;
    // Records of older versions keep what was asked, not what Docker makes of it.
    host.memory_swap = memory_swap(host);
    let number = |new: i64, old: &mut i64| {
        if new != 0 {
            *old = new;
        }
    };
    number(change.cpu_shares, &mut host.cpu_shares);
    number(change.nano_cpus, &mut host.nano_cpus);
    number(change.cpu_period, &mut host.cpu_period);
    number(change.cpu_quota, &mut host.cpu_quota);
    number(change.cpu_realtime_period, &mut host.cpu_realtime_period);
    number(change.cpu_realtime_runtime, &mut host.cpu_realtime_runtime);
    number(change.memory, &mut host.memory);
    number(change.memory_swap, &mut host.memory_swap);
    number(change.memory_reservation, &mut host.memory_reservation);
    if change.blkio_weight != 0 {
        host.blkio_weight = change.blkio_weight;
    }
    for (new, old) in [(&change.cpuset_cpus, &mut host.cpuset_cpus), (&change.cpuset_mems, &mut host.cpuset_mems)] {
        if !new.is_empty() {
            old.clone_from(new);
        }
    }
    if let Some(pids) = change.pids_limit {
        // Any of 0 and below means "no limit" when it is updated.
        host.pids_limit = Some(pids.max(0));
    }
    if !change.restart_policy.name.is_empty() {
        host.restart_policy = change.restart_policy.clone();
    }
    Ok(())
}

fn conflicts(host: &HostConfig, change: &HostConfig) -> Result<()> {
    let conflict = |what: &str| Err(Failure::new(Kind::Conflict, what));
    if change.nano_cpus > 0 && host.cpu_period > 0 {
        return conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
    }
    if change.nano_cpus > 0 && host.cpu_quota > 0 {
        return conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
    }
    if change.cpu_period > 0 && host.nano_cpus > 0 {
        return conflict("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
    }
    if change.cpu_quota > 0 && host.nano_cpus > 0 {
        return conflict("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
    }
    if change.memory != 0 && change.memory_swap == 0 && change.memory > memory_swap(host) {
        return conflict("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
    }
    let stays_away = matches!(change.restart_policy.name.as_str(), "" | "no");
    if host.auto_remove && !stays_away {
        return conflict("Restart policy cannot be updated because AutoRemove is enabled for the container");
    }
    Ok(())
}

/// Memory and swap together as Docker records them at create: twice the memory where nothing was said, -1 and 0 compare as they are.
pub(super) fn memory_swap(host: &HostConfig) -> i64 {
    if host.memory > 0 && host.memory_swap == 0 { host.memory.saturating_mul(2) } else { host.memory_swap }
}

#[cfg(test)]
mod tests {
    use super::super::config::RestartPolicy;
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let mut host = HostConfig { memory: 64 << 20, cpu_shares: 512, pids_limit: Some(5), ..HostConfig::default() };
        let change = HostConfig { memory: 32 << 20, pids_limit: Some(-1), blkio_weight: 20, ..HostConfig::default() };
        merge(&mut host, &change).unwrap();
        assert_eq!((host.memory, host.cpu_shares, host.pids_limit, host.blkio_weight), (32 << 20, 512, Some(0), 20));
    }

    #[test]
    fn contradictions_are_conflicts_in_dockers_words() {
        let refused = |host: HostConfig, change: HostConfig| {
            let failure = merge(&mut host.clone(), &change).unwrap_err();
            assert_eq!(failure.kind, Kind::Conflict);
            failure.message
        };
        let nano = || HostConfig { nano_cpus: 500_000_000, ..HostConfig::default() };
        let quota = || HostConfig { cpu_quota: 5000, ..HostConfig::default() };
        assert!(refused(nano(), quota()).contains("CPU Quota cannot be updated as NanoCPUs"));
        assert!(refused(quota(), nano()).contains("Nano CPUs cannot be updated as CPU Quota"));
        let memory = |n| HostConfig { memory: n, ..HostConfig::default() };
        assert!(refused(memory(64 << 20), memory(256 << 20)).starts_with("Memory limit should be smaller"));
        assert!(refused(HostConfig::default(), memory(64 << 20)).starts_with("Memory limit should be smaller"));
        let again =
            HostConfig { restart_policy: RestartPolicy { name: "always".to_owned(), maximum_retry_count: 0 }, ..HostConfig::default() };
        assert!(refused(HostConfig { auto_remove: true, ..HostConfig::default() }, again).contains("AutoRemove"));
    }
}
