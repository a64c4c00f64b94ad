//! The filter, judged by running its program on calls as the kernel would.

use super::*;

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// Interprets a program as the kernel's classic BPF does.
fn run(program: &[FilterInstruction], arch: u32, number: u32, args: [u64; 6]) -> u32 {
    let word = |offset: u32| match offset {
        0 => number,
        4 => arch,
        _ => {
            let at = usize::try_from(offset - 16).unwrap();
            let bytes = args[at / 8].to_le_bytes();
            u32::from_le_bytes(bytes[at % 8..at % 8 + 4].try_into().unwrap())
        }
    };
    let (mut at, mut accumulator) = (0usize, 0u32);
    loop {
        let step = program[at];
        at += 1;
        let skip = |holds: bool| usize::from(if holds { step.jump_true } else { step.jump_false });
        match step.code {
            0x20 => accumulator = word(step.operand),
            0x54 => accumulator &= step.operand,
            0x06 => return step.operand,
            0x05 => at += usize::try_from(step.operand).unwrap(),
            0x15 => at += skip(accumulator == step.operand),
            0x25 => at += skip(accumulator > step.operand),
            0x35 => at += skip(accumulator >= step.operand),
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn default_filter(caps: &[&str]) -> Vec<FilterInstruction> {
    let held: Vec<String> = caps.iter().map(ToString::to_string).collect();
    let mask = capability::mask(&held);
    compile::compile(&profile::select(&|name| capability::number(name).is_some_and(|n| mask & (1 << n) != 0))).unwrap()
}

fn allowed(program: &[FilterInstruction], arch: u32, number: u32, first: u64) -> bool {
    run(program, arch, number, [first, 0, 0, 0, 0, 0]) == Action::Allow.bits()
}

#[test]
fn ordinary_calls_pass_and_dangerous_ones_do_not() {
    let program = default_filter(&["CAP_CHOWN"]);
    for (name, number) in [("read", 0), ("execve", 59), ("openat2", 437), ("mseal", 462), ("uretprobe", 335)] {
        assert!(allowed(&program, X86_64, number, 0), "{name}");
    }
    let eperm = Action::Errno(1).bits();
    for (name, number) in [
        ("mount", 165),
        ("unshare", 272),
        ("fsopen", 430),
        ("open_tree", 428),
        ("kexec_load", 246),
        ("bpf", 321),
        ("add_key", 248),
        ("userfaultfd", 323),
        ("io_uring_setup", 425),
        ("chroot", 161),
    ] {
        assert_eq!(run(&program, X86_64, number, [0; 6]), eperm, "{name}");
    }
    assert_eq!(run(&program, X86_64, 9999, [0; 6]), Action::Errno(38).bits(), "calls of the future answer ENOSYS");
    assert_eq!(run(&program, 0x1234, 0, [0; 6]), Action::KillProcess.bits(), "an ABI that does not exist here");
}

#[test]
fn programs_of_32_bits_have_their_own_numbers() {
    let program = default_filter(&[]);
    assert!(allowed(&program, I386, 11, 0), "execve");
    assert!(allowed(&program, I386, 4, 0), "write");
    assert!(!allowed(&program, I386, 21, 0), "mount");
    assert!(!allowed(&program, I386, 102, 0), "socketcall");
    assert!(allowed(&program, X86_64, 0x4000_0000 + 520, 0), "x32 execve");
    assert!(!allowed(&program, X86_64, 0x4000_0000 + 165, 0), "x32 mount");
}

#[test]
fn socket_families_are_looked_at() {
    let program = default_filter(&[]);
    for (family, pass) in
        [(1, true), (2, true), (16, true), (37, true), (38, false), (39, true), (40, false), (41, true), (1 << 32 | 38, true)]
    {
        assert_eq!(allowed(&program, X86_64, 41, family), pass, "family {family}");
    }
}

#[test]
fn namespaces_need_the_capability() {
    let (without, with) = (default_filter(&[]), default_filter(&["CAP_SYS_ADMIN"]));
    for (flags, pass) in [(0x11, true), (0x1_0000_0011, true), (0x1000_0011, false), (0x2_0000, false), (0x4000_0000, false)] {
        assert_eq!(allowed(&without, X86_64, 56, flags), pass, "clone {flags:#x}");
        assert!(allowed(&with, X86_64, 56, flags));
    }
    assert_eq!(run(&without, X86_64, 435, [0; 6]), Action::Errno(38).bits(), "clone3");
    assert!(allowed(&with, X86_64, 435, 0));
    assert!(allowed(&with, X86_64, 165, 0), "mount");
}

#[test]
fn personalities_are_the_harmless_five() {
    let program = default_filter(&[]);
    for (persona, pass) in
        [(0, true), (8, true), (0x20000, true), (0x20008, true), (0xffff_ffff, true), (0x40000, false), (9, false), (1 << 32, false)]
    {
        assert_eq!(allowed(&program, X86_64, 135, persona), pass, "{persona:#x}");
    }
}

#[test]
fn every_name_of_the_default_profile_is_known_on_some_machine() {
    let selected = profile::select(&|_| true);
    for name in selected.rules.iter().flat_map(|rule| &rule.names) {
        assert!(
            include_str!("syscalls.txt").lines().any(|line| line.split(' ').next() == Some(name)) || FOREIGN.contains(&name.as_str()),
            "{name}"
        );
    }
}

/// Names in Docker's profile that only machines without a column in the table have.
const FOREIGN: [&str; 6] = ["recv", "send", "epoll_ctl_old", "epoll_wait_old", "riscv_hwprobe", "riscv_flush_icache"];

#[test]
fn a_profile_in_dockers_json_is_understood() {
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","archMap":[],"syscalls":[
        {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13},
        {"name":"chmod","action":"SCMP_ACT_KILL_PROCESS","args":[{"index":1,"value":511,"valueTwo":0,"op":"SCMP_CMP_EQ"}]},
        {"names":["socket"],"action":"SCMP_ACT_ERRNO","excludes":{"caps":["CAP_NET_RAW"]}},
        {"names":["ptrace"],"action":"SCMP_ACT_TRAP","includes":{"minKernel":"99.0"}}]}"#;
    let program = compile::compile(&json::select(text, &|cap| cap == "CAP_NET_RAW").unwrap()).unwrap();
    assert_eq!(run(&program, X86_64, 83, [0; 6]), Action::Errno(13).bits());
    assert_eq!(run(&program, X86_64, 90, [0, 0o777, 0, 0, 0, 0]), Action::KillProcess.bits());
    assert!(allowed(&program, X86_64, 90, 0) && allowed(&program, X86_64, 41, 0) && allowed(&program, X86_64, 101, 0));
    assert!(allowed(&program, X86_64, 9999, 0));
}

#[test]
fn every_operator_compares_all_64_bits() {
    let big = 5 << 32 | 7;
    let cases: [(&str, u64, bool); 14] = [
        ("SCMP_CMP_LT", big, false),
        ("SCMP_CMP_LT", big - 1, true),
        ("SCMP_CMP_LT", 4 << 32 | 9, true),
        ("SCMP_CMP_LE", big, true),
        ("SCMP_CMP_LE", big + 1, false),
        ("SCMP_CMP_LE", 6 << 32, false),
        ("SCMP_CMP_GT", big, false),
        ("SCMP_CMP_GT", 6 << 32, true),
        ("SCMP_CMP_GT", big + 1, true),
        ("SCMP_CMP_GE", big, true),
        ("SCMP_CMP_GE", 4 << 32 | 9, false),
        ("SCMP_CMP_NE", 5 << 32 | 8, true),
        ("SCMP_CMP_NE", big, false),
        ("SCMP_CMP_NE", 7, true),
    ];
    for (op, value, hit) in cases {
        let text = format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{{"names":["read"],"action":"SCMP_ACT_TRAP","args":[{{"index":0,"value":{big},"op":"{op}"}}]}}]}}"#
        );
        let program = compile::compile(&json::select(&text, &|_| true).unwrap()).unwrap();
        assert_eq!(!allowed(&program, X86_64, 0, value), hit, "{op} {value:#x}");
    }
}

#[test]
fn broken_profiles_are_refused_with_the_word_that_is_wrong() {
    assert!(check("{").unwrap_err().to_string().starts_with("decoding seccomp profile failed: "));
    let bad = r#"{"defaultAction":"SCMP_ACT_NOTIFY_ME"}"#;
    assert_eq!(check(bad).unwrap_err().to_string(), "invalid seccomp profile: unknown action \"SCMP_ACT_NOTIFY_ME\"");
    assert!(check(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#).is_ok());
}
