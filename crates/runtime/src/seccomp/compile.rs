//! From rules to one classic BPF program.
//!
//! For each ABI the calls are laid out by number as ranges with the same outcome, and a binary search over the ranges is emitted: about
//! eight comparisons a call instead of hundreds. Calls newer than anything the table knows answer ENOSYS, as runc does, so that
//! programs fall back to what they used before instead of taking EPERM for a verdict.

use std::collections::BTreeMap;

use super::syscalls::{self, ABIS, Abi};
use super::{Action, ArgRule, FilterInstruction, Op, Rule, SeccompError, Selected};

/// The kernel's `BPF_MAXINSNS`.
const INSTRUCTIONS_MAX: usize = 4096;
const ENOSYS: u16 = 38;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_EQUAL: u16 = 0x35;

/// Offsets in the kernel's `struct seccomp_data`.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGS: u32 = 16;

/// What happens to one call: the first matching conditional action, else the last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    conditional: Vec<(Vec<ArgRule>, Action)>,
    otherwise: Action,
}

type Program = Vec<FilterInstruction>;

/// Makes the program.
pub(super) fn compile(selected: &Selected) -> Result<Program, SeccompError> {
    let mut program = vec![statement(LOAD, OFFSET_ARCH)];
    let mut audits: Vec<u32> = ABIS.iter().map(|abi| abi.audit).collect();
    audits.dedup();
    audits.sort_unstable();
    audits.dedup();
    for audit in audits {
        let body = of_machine(audit, selected);
        // Not this ABI: over the body.
        program.push(jump(JUMP_EQUAL, audit, 1, 0));
        program.push(statement(JUMP, length(&body)));
        program.extend(body);
    }
    // An ABI the kernel has and the table has not.
    program.push(statement(RETURN, Action::KillProcess.bits()));
    if program.len() > INSTRUCTIONS_MAX { Err(SeccompError::TooLong(program.len())) } else { Ok(program) }
}

/// The part for one audit value: its ABIs one after the other, told apart by their number's offset.
fn of_machine(audit: u32, selected: &Selected) -> Program {
    let mut ranges = Vec::new();
    let mut abis: Vec<&Abi> = ABIS.iter().filter(|abi| abi.audit == audit).collect();
    abis.sort_by_key(|abi| abi.offset);
    for abi in abis {
        ranges.extend(ranges_of(abi, selected));
    }
    let mut program = vec![statement(LOAD, OFFSET_NUMBER)];
    search(&ranges, &mut program);
    program
}

/// The outcomes of an ABI's calls as (first number, outcome), without gaps, equal neighbours joined.
fn ranges_of(abi: &Abi, selected: &Selected) -> Vec<(u32, Outcome)> {
    let plain = |action| Outcome { conditional: Vec::new(), otherwise: action };
    let outcomes = outcomes_of(abi, selected);
    let end = syscalls::highest(abi).max(outcomes.keys().next_back().copied().unwrap_or(0));
    let mut ranges: Vec<(u32, Outcome)> = Vec::new();
    let mut add = |number: u32, outcome: Outcome| match ranges.last() {
        Some((_, last)) if *last == outcome => {}
        _ => ranges.push((abi.offset + number, outcome)),
    };
    for number in 0..=end {
        add(number, outcomes.get(&number).cloned().unwrap_or_else(|| plain(selected.default)));
    }
    let newer = match selected.default {
        Action::Errno(_) => Action::Errno(ENOSYS),
        other => other,
    };
    add(end + 1, plain(newer));
    ranges
}

fn outcomes_of(abi: &Abi, selected: &Selected) -> BTreeMap<u32, Outcome> {
    let mut outcomes: BTreeMap<u32, Outcome> = BTreeMap::new();
    for rule in &selected.rules {
        for number in rule.names.iter().filter_map(|name| syscalls::number(abi, name)) {
            let outcome =
                outcomes.entry(number).or_insert_with(|| Outcome { conditional: Vec::new(), otherwise: selected.default });
            add_rule(outcome, rule, selected.default);
        }
    }
    outcomes
}

/// An unconditional rule decides whatever conditional ones of the same action say; the first unconditional one wins.
fn add_rule(outcome: &mut Outcome, rule: &Rule, default: Action) {
    if !rule.args.is_empty() {
        outcome.conditional.push((rule.args.clone(), rule.action));
    } else if outcome.otherwise == default {
        outcome.otherwise = rule.action;
    }
    let otherwise = outcome.otherwise;
    if outcome.conditional.iter().all(|(_, action)| *action == otherwise) {
        outcome.conditional.clear();
    }
}

/// Emits a binary search; the accumulator holds the number.
fn search(ranges: &[(u32, Outcome)], program: &mut Program) {
    match ranges {
        [] => {}
        [(_, outcome)] => decide(outcome, program),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let mut below = Program::new();
            search(low, &mut below);
            let Some((pivot, _)) = high.first() else { return };
            // Jump distances of conditions are one byte; a plain jump goes further.
            program.push(jump(JUMP_GREATER_EQUAL, *pivot, 0, 1));
            program.push(statement(JUMP, length(&below)));
            program.extend(below);
            search(high, program);
        }
    }
}

fn decide(outcome: &Outcome, program: &mut Program) {
    for (args, action) in &outcome.conditional {
        // Built from the end, each argument's test knowing how far the next rule is.
        let mut tests = vec![statement(RETURN, action.bits())];
        for arg in args.iter().rev() {
            let mut test = Program::new();
            emit_test(arg, length(&tests), &mut test);
            test.extend(tests);
            tests = test;
        }
        program.extend(tests);
    }
    program.push(statement(RETURN, outcome.otherwise.bits()));
}

/// Emits one comparison: falls through when it holds, jumps over `rest` more instructions when it does not.
fn emit_test(arg: &ArgRule, rest: u32, program: &mut Program) {
    let low_at = OFFSET_ARGS + 8 * arg.index;
    let high_at = low_at + 4;
    let compared = if arg.op == Op::MaskedEq { arg.value_two } else { arg.value };
    let (low, high) = halves(compared);
    let (mask_low, mask_high) = if arg.op == Op::MaskedEq { halves(arg.value) } else { (u32::MAX, u32::MAX) };
    program.push(statement(LOAD, high_at));
    if mask_high != u32::MAX {
        program.push(statement(AND, mask_high));
    }
    // The upper half decides unless it is equal; `fails` and `holds` are filled in as plain jumps to keep distances simple.
    let mut low_part = vec![statement(LOAD, low_at)];
    if mask_low != u32::MAX {
        low_part.push(statement(AND, mask_low));
    }
    let low_size = length(&low_part);
    let (low_code, low_holds_if_true) = match arg.op {
        Op::Eq | Op::MaskedEq => (JUMP_EQUAL, true),
        Op::Ne => (JUMP_EQUAL, false),
        Op::Gt => (JUMP_GREATER, true),
        Op::Le => (JUMP_GREATER, false),
        Op::Ge => (JUMP_GREATER_EQUAL, true),
        Op::Lt => (JUMP_GREATER_EQUAL, false),
    };
    // Layout after the load of the upper half:
    //   [upper == high ? next : +1 over the jump into the low part] ...
    //   jeq high, 0, 1 ; ja low ; (upper differs:) <verdict of upper> ; low: ...; low test ; ja fail ; (holds falls out)
    let upper_verdict: Program = match arg.op {
        Op::Eq | Op::MaskedEq => vec![statement(JUMP, low_size + 2 + rest)],
        Op::Ne => vec![statement(JUMP, low_size + 2)],
        Op::Gt | Op::Ge => vec![jump(JUMP_GREATER, high, 0, 1), statement(JUMP, low_size + 3), statement(JUMP, low_size + 2 + rest)],
        Op::Lt | Op::Le => vec![jump(JUMP_GREATER, high, 1, 0), statement(JUMP, low_size + 3), statement(JUMP, low_size + 2 + rest)],
    };
    program.push(jump(JUMP_EQUAL, high, 0, 1));
    program.push(statement(JUMP, length(&upper_verdict)));
    program.extend(upper_verdict);
    program.extend(low_part);
    let (if_true, if_false) = if low_holds_if_true { (1, 0) } else { (0, 1) };
    program.push(jump(low_code, low, if_true, if_false));
    program.push(statement(JUMP, rest));
}

fn halves(value: u64) -> (u32, u32) {
    let part = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (part(value), part(value >> 32))
}

fn length(program: &Program) -> u32 {
    u32::try_from(program.len()).unwrap_or(u32::MAX)
}

fn statement(code: u16, operand: u32) -> FilterInstruction {
    FilterInstruction { code, jump_true: 0, jump_false: 0, operand }
}

fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> FilterInstruction {
    FilterInstruction { code, jump_true, jump_false, operand }
}
