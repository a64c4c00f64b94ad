//! Which devices a container may open: Docker's list, the devices given to it, the rules of `--device-cgroup-rule`.

use std::os::fd::BorrowedFd;
use std::path::Path;

use stead_sys::bpf;
use stead_sys::device::{self as kernel, DeviceId};

use super::{CgroupError, at, set};
use crate::device;
use crate::spec::{DeviceRule, Plan};

/// What every container may use: make any device file, open the harmless ones, its own terminals.
const DEFAULTS: [(char, Option<u32>, Option<u32>, &str); 10] = [
    ('c', None, None, "m"),
    ('b', None, None, "m"),
    ('c', Some(1), Some(3), "rwm"),
    ('c', Some(1), Some(5), "rwm"),
    ('c', Some(1), Some(7), "rwm"),
    ('c', Some(1), Some(8), "rwm"),
    ('c', Some(1), Some(9), "rwm"),
    ('c', Some(5), Some(0), "rwm"),
    ('c', Some(5), Some(2), "rwm"),
    ('c', Some(136), None, "rwm"),
];

/// The rules of a plan, in the order in which the last match counts; none for a privileged container, which may use everything.
pub(crate) fn rules(plan: &Plan) -> Vec<DeviceRule> {
    if plan.privileged {
        return Vec::new();
    }
    let allow = |kind, major, minor, access: &str| DeviceRule { allow: true, kind, major, minor, access: access.to_owned() };
    let mut rules: Vec<DeviceRule> = DEFAULTS.iter().map(|(kind, major, minor, access)| allow(*kind, *major, *minor, access)).collect();
    for (node, access) in device::given(plan) {
        let kind = if node.file.id.block { 'b' } else { 'c' };
        rules.push(allow(kind, Some(node.file.id.major), Some(node.file.id.minor), &access));
    }
    rules.extend(plan.cgroup.device_rules.iter().cloned());
    rules
}

/// Writes the rules into a v1 group.
pub(super) fn limit_v1(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    if plan.privileged {
        return set(dir, "devices.allow", "a");
    }
    set(dir, "devices.deny", "a")?;
    for rule in rules(plan) {
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        set(dir, file, &line(&rule))?;
    }
    Ok(())
}

/// Attaches the rules to a v2 group.
pub(super) fn limit_v2(plan: &Plan, dir: BorrowedFd<'_>) -> Result<(), CgroupError> {
    if plan.privileged {
        return Ok(());
    }
    let program: Vec<bpf::DeviceRule> = rules(plan).iter().map(bpf_rule).collect();
    bpf::filter_devices(dir, &program).map_err(at(plan))
}

fn line(rule: &DeviceRule) -> String {
    if rule.kind == 'a' && rule.major.is_none() && rule.minor.is_none() {
        return "a".to_owned();
    }
    let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
    format!("{} {}:{} {}", rule.kind, number(rule.major), number(rule.minor), rule.access)
}

fn bpf_rule(rule: &DeviceRule) -> bpf::DeviceRule {
    let bit = |letter: char, bit: u32| if rule.access.contains(letter) { bit } else { 0 };
    bpf::DeviceRule {
        allow: rule.allow,
        block: match rule.kind {
            'b' => Some(true),
            'c' => Some(false),
            _ => None,
        },
        major: rule.major,
        minor: rule.minor,
        access: bit('m', bpf::ACCESS_MKNOD) | bit('r', bpf::ACCESS_READ) | bit('w', bpf::ACCESS_WRITE),
    }
}

/// The number of a block device of the host.
pub(super) fn block(path: &Path) -> stead_sys::Result<DeviceId> {
    match kernel::stat(path)? {
        Some(file) if file.id.block => Ok(file.id),
        _ => Err(stead_sys::Error::new("stat", path, std::io::Error::other("not a block device"))),
    }
}
