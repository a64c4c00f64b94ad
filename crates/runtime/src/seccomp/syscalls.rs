//! Numbers of system calls, for each ABI a program on this machine may use.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The table, one line a name; see its first line.
const TABLE: &str = include_str!("syscalls.txt");

/// One way of making system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abi {
    /// The kernel's AUDIT_ARCH_* value.
    pub(super) audit: u32,
    /// Added to every number: the x32 ABI shares x86_64's audit value and sets this bit.
    pub(super) offset: u32,
    /// Column in the table, after the name.
    column: usize,
}

/// The ABIs of this machine, as moby's `archMap` has them; the native one first.
#[cfg(target_arch = "x86_64")]
pub(super) const ABIS: &[Abi] = &[
    Abi { audit: 0xc000_003e, offset: 0, column: 0 },
    Abi { audit: 0x4000_0003, offset: 0, column: 1 },
    Abi { audit: 0xc000_003e, offset: 0x4000_0000, column: 2 },
];
/// The ABIs of this machine. 32-bit ARM programs are refused: their numbers are not in the table.
#[cfg(target_arch = "aarch64")]
pub(super) const ABIS: &[Abi] = &[Abi { audit: 0xc000_00b7, offset: 0, column: 3 }];

/// Names Docker's profiles use for the machine and its ABIs.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCH_NAMES: &[&str] = &["amd64", "x32", "x86"];
/// Names Docker's profiles use for the machine and its ABIs.
#[cfg(target_arch = "aarch64")]
pub(super) const ARCH_NAMES: &[&str] = &["arm64", "arm"];

type Numbers = HashMap<&'static str, [Option<u32>; 4]>;

fn numbers() -> &'static Numbers {
    static NUMBERS: OnceLock<Numbers> = OnceLock::new();
    NUMBERS.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(parse).collect())
}

fn parse(line: &'static str) -> Option<(&'static str, [Option<u32>; 4])> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let mut numbers = [None; 4];
    for slot in &mut numbers {
        *slot = words.next()?.parse().ok();
    }
    Some((name, numbers))
}

/// The number of a call in an ABI, without the ABI's offset.
pub(super) fn number(abi: &Abi, name: &str) -> Option<u32> {
    numbers().get(name)?.get(abi.column).copied().flatten()
}

/// The highest number the ABI has.
pub(super) fn highest(abi: &Abi) -> u32 {
    numbers().values().filter_map(|row| row.get(abi.column).copied().flatten()).max().unwrap_or(0)
}
