//! The device filter of a v2 control group: a small eBPF program the kernel asks about every mknod and open of a device.

#![expect(unsafe_code, reason = "bpf(2) is not wrapped by rustix")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{Error, Result};

/// One rule; of several that match, the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRule {
    /// Whether it allows.
    pub allow: bool,
    /// Block (true) or character devices; none is both.
    pub block: Option<bool>,
    /// Major number; none is any.
    pub major: Option<u32>,
    /// Minor number; none is any.
    pub minor: Option<u32>,
    /// Bits of [`ACCESS_MKNOD`], [`ACCESS_READ`], [`ACCESS_WRITE`].
    pub access: u32,
}

/// To make the device file.
pub const ACCESS_MKNOD: u32 = 1;
/// To open it for reading.
pub const ACCESS_READ: u32 = 2;
/// To open it for writing.
pub const ACCESS_WRITE: u32 = 4;

/// The kernel's `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// The head of the kernel's `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    program_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The head of the kernel's `union bpf_attr` for BPF_PROG_ATTACH.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

const PROG_LOAD: i32 = 5;
const PROG_ATTACH: i32 = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// Programs of outer groups are asked too: a container cannot get more than those around it allow.
const ALLOW_MULTI: u32 = 2;

const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xbc;
const MOVE_IMMEDIATE: u8 = 0xb7;
const AND_IMMEDIATE: u8 = 0x54;
const SHIFT_RIGHT_IMMEDIATE: u8 = 0x74;
const JUMP_NE_IMMEDIATE: u8 = 0x55;
const JUMP_NE: u8 = 0x5d;
const EXIT: u8 = 0x95;

/// Asks these rules about every device opened by the group's processes from now on; what no rule matches is refused.
pub fn filter_devices(group: BorrowedFd<'_>, rules: &[DeviceRule]) -> Result<()> {
    let program = load(&compile(rules))?;
    let number = |fd: i32| u32::try_from(fd).unwrap_or(u32::MAX);
    let attach = Attach {
        target: number(group.as_raw_fd()),
        program: number(program.as_raw_fd()),
        attach_type: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the structure is what the command reads and has the size told; both descriptors are open.
    let done = unsafe { libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>()) };
    if done < 0 { Err(Error::last("bpf(BPF_PROG_ATTACH)", "device filter")) } else { Ok(()) }
}

fn load(program: &[Instruction]) -> Result<OwnedFd> {
    let load = Load {
        program_type: TYPE_CGROUP_DEVICE,
        count: u32::try_from(program.len()).unwrap_or(u32::MAX),
        instructions: program.as_ptr() as u64,
        license: c"Apache".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the structure and what it points to live through the call and have the sizes told.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(Error::last("bpf(BPF_PROG_LOAD)", "device filter"));
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Registers: 1 context, 2 type, 3 access, 4 major, 5 minor, 0 the answer.
fn compile(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut program = vec![
        op(LOAD_WORD, 2, 1, 0, 0),
        op(LOAD_WORD, 3, 1, 0, 0),
        op(AND_IMMEDIATE, 2, 0, 0, 0xffff),
        op(SHIFT_RIGHT_IMMEDIATE, 3, 0, 0, 16),
        op(LOAD_WORD, 4, 1, 4, 0),
        op(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(one(rule));
    }
    program.extend(answer(false));
    program
}

fn one(rule: &DeviceRule) -> Vec<Instruction> {
    let mut tests = Vec::new();
    if let Some(block) = rule.block {
        tests.push(op(JUMP_NE_IMMEDIATE, 2, 0, 0, if block { 1 } else { 2 }));
    }
    if rule.access != ACCESS_MKNOD | ACCESS_READ | ACCESS_WRITE {
        // All that is wanted must be in the rule.
        tests.push(op(MOVE, 1, 3, 0, 0));
        tests.push(op(AND_IMMEDIATE, 1, 0, 0, rule.access.cast_signed()));
        tests.push(op(JUMP_NE, 1, 3, 0, 0));
    }
    for (register, number) in [(4, rule.major), (5, rule.minor)] {
        if let Some(number) = number {
            tests.push(op(JUMP_NE_IMMEDIATE, register, 0, 0, number.cast_signed()));
        }
    }
    let verdict = answer(rule.allow);
    let total = tests.len() + verdict.len();
    for (at, test) in tests.iter_mut().enumerate() {
        if matches!(test.code, JUMP_NE | JUMP_NE_IMMEDIATE) {
            test.offset = i16::try_from(total - at - 1).unwrap_or(i16::MAX);
        }
    }
    tests.extend(verdict);
    tests
}

fn answer(allow: bool) -> [Instruction; 2] {
    [op(MOVE_IMMEDIATE, 0, 0, 0, i32::from(allow)), op(EXIT, 0, 0, 0, 0)]
}

fn op(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: source << 4 | destination, offset, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{NamespaceFlags, spawn, wait};
    use std::os::fd::AsFd;

    const ALL: u32 = ACCESS_MKNOD | ACCESS_READ | ACCESS_WRITE;

    #[test]
    fn only_what_a_rule_allows_can_be_opened() {
        let Some(top) = crate::cgroup::detect().unwrap().v2 else { return };
        let root = crate::cgroup::open(&top).unwrap();
        let name = format!("stead-bpf-{}", std::process::id());
        let (group, _) = crate::cgroup::open_child(root.as_fd(), &name, true).unwrap();
        let character = |major, minor, allow, access| DeviceRule { allow, block: Some(false), major: Some(major), minor, access };
        let rules = [character(1, None, true, ALL), character(1, Some(5), false, ALL), character(1, Some(9), false, ACCESS_WRITE)];
        filter_devices(group.as_fd(), &rules).unwrap();
        let child = spawn(NamespaceFlags::empty(), Some(group.as_fd()), || {
            let opens = |path: &str, write: bool| std::fs::OpenOptions::new().read(!write).write(write).open(path).is_ok();
            let seen = [opens("/dev/null", true), opens("/dev/zero", false), opens("/dev/urandom", false), opens("/dev/urandom", true), opens("/dev/tty0", false)];
            i32::from(seen != [true, false, true, false, false])
        })
        .unwrap();
        let exit = wait(child.pidfd.as_fd()).unwrap();
        drop(group);
        crate::cgroup::remove(root.as_fd(), std::path::Path::new(&name)).unwrap();
        assert_eq!(exit.status(), 0);
    }
}
