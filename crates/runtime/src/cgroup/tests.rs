//! Conversions and the two layouts' texts.

use super::*;
use crate::stage::Stage;

#[test]
fn cpus_become_quota_and_period() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["true"]);
    assert_eq!(cpu_bandwidth(&plan), None);
    plan.cgroup.nano_cpus = 1_500_000_000;
    assert_eq!(cpu_bandwidth(&plan), Some((150_000, 100_000)));
    plan.cgroup.nano_cpus = 1;
    assert_eq!(cpu_bandwidth(&plan), Some((1000, 100_000)), "the kernel's least");
    plan.cgroup.nano_cpus = 0;
    plan.cgroup.cpu_quota = 5000;
    plan.cgroup.cpu_period = 20_000;
    assert_eq!(cpu_bandwidth(&plan), Some((5000, 20_000)));
}

#[test]
fn swap_defaults_to_twice_the_memory() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["true"]);
    assert_eq!(memory_and_swap(&plan), None);
    plan.cgroup.memory = 100;
    assert_eq!(memory_and_swap(&plan), Some(200));
    plan.cgroup.memory_swap = -1;
    assert_eq!(memory_and_swap(&plan), Some(-1));
}

#[test]
fn shares_become_weight_as_runc_converts() {
    assert_eq!([2, 1024, 262_144, 1].map(v2::weight), [1, 39, 10_000, 1]);
}

#[test]
fn a_limit_the_kernel_refuses_names_file_and_value() {
    let stage = Stage::new();
    let mut plan = stage.plan(&["true"]);
    plan.cgroup.cpuset_cpus = "9999".into();
    let error = stage.run(&plan).unwrap_err();
    assert!(error.message.starts_with("failed to write \"9999\" to cpuset.cpus: "), "{error}");
    delete(&plan).unwrap();
}

#[test]
fn a_group_can_be_made_twice_and_is_gone_after_deletion() {
    let stage = Stage::new();
    let plan = stage.plan(&["true"]);
    drop(create(&plan).unwrap());
    drop(create(&plan).unwrap());
    delete(&plan).unwrap();
    delete(&plan).unwrap();
    let layout = stead_sys::cgroup::detect().unwrap();
    for top in layout.v1.iter().map(|h| &h.path) {
        assert!(!top.join(plan.cgroup_path()).exists());
    }
}

#[test]
fn a_v2_group_is_made_limited_and_born_into() {
    use stead_sys::process::{NamespaceFlags, spawn, wait};
    let stage = Stage::new();
    let plan = stage.plan(&["true"]);
    // Hybrid machines have the v2 hierarchy too: what needs no controller can be tried there.
    let Some(top) = stead_sys::cgroup::detect().unwrap().v2 else { return };
    let group = v2::create(&plan, &top).unwrap();
    let child = spawn(NamespaceFlags::empty(), group.birthplace.as_ref().map(AsFd::as_fd), || {
        let inside = crate::stage::host("/proc/self/cgroup").lines().any(|line| line.starts_with("0::") && line.ends_with(&plan.id));
        let null = std::fs::File::open("/dev/null").is_ok();
        let kmsg = std::fs::File::open("/dev/kmsg").is_ok();
        i32::from((inside, null, kmsg) != (true, true, false))
    })
    .unwrap();
    let exit = wait(child.pidfd.as_fd()).unwrap();
    drop(group);
    delete(&plan).unwrap();
    assert_eq!(exit.status(), 0);
}
