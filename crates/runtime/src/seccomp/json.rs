//! Profiles in Docker's JSON form (`--security-opt seccomp=FILE`).

use serde::Deserialize;

use super::syscalls::ARCH_NAMES;
use super::{Action, ArgRule, Op, Rule, SeccompError, Selected, kernel_version};

/// What libseccomp answers for `SCMP_ACT_ERRNO` without a number.
const EPERM: u16 = 1;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u16>,
    #[serde(default)]
    syscalls: Option<Vec<Syscall>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Syscall {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Option<Vec<Arg>>,
    #[serde(default)]
    includes: Option<Filter>,
    #[serde(default)]
    excludes: Option<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arg {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile and keeps the rules that apply, as moby's `setupSeccomp` does.
pub(super) fn select(text: &str, has: &dyn Fn(&str) -> bool) -> Result<Selected, SeccompError> {
    let profile: Profile = serde_json::from_str(text).map_err(|error| SeccompError::Json(error.to_string()))?;
    let default = action(&profile.default_action, profile.default_errno_ret)?;
    let mut rules = Vec::new();
    for call in profile.syscalls.unwrap_or_default() {
        if !call.includes.as_ref().is_none_or(|filter| all_of(filter, has)) || call.excludes.as_ref().is_some_and(|filter| any_of(filter, has)) {
            continue;
        }
        let mut names = call.names;
        if !call.name.is_empty() {
            names.push(call.name);
        }
        let action = action(&call.action, call.errno_ret)?;
        let args = call.args.unwrap_or_default().iter().map(arg).collect::<Result<Vec<_>, _>>()?;
        rules.extend(split(names, action, args));
    }
    Ok(Selected { default, rules })
}

/// libseccomp takes one condition for each argument; runc therefore makes a rule of its own of each where an argument comes twice.
fn split(names: Vec<String>, action: Action, args: Vec<ArgRule>) -> Vec<Rule> {
    let repeats = args.iter().enumerate().any(|(at, arg)| args[..at].iter().any(|before| before.index == arg.index));
    if !repeats {
        return vec![Rule { names, action, args }];
    }
    args.into_iter().map(|arg| Rule { names: names.clone(), action, args: vec![arg] }).collect()
}

fn all_of(filter: &Filter, has: &dyn Fn(&str) -> bool) -> bool {
    filter.arches.as_ref().is_none_or(|arches| arches.iter().any(|arch| ARCH_NAMES.contains(&arch.as_str())))
        && filter.caps.as_ref().is_none_or(|caps| caps.iter().all(|cap| has(cap)))
        && filter.min_kernel.as_deref().is_none_or(kernel_is_at_least)
}

fn any_of(filter: &Filter, has: &dyn Fn(&str) -> bool) -> bool {
    filter.arches.as_ref().is_some_and(|arches| arches.iter().any(|arch| ARCH_NAMES.contains(&arch.as_str())))
        || filter.caps.as_ref().is_some_and(|caps| caps.iter().any(|cap| has(cap)))
        || filter.min_kernel.as_deref().is_some_and(kernel_is_at_least)
}

fn kernel_is_at_least(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    kernel_version() >= (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn action(word: &str, errno: Option<u16>) -> Result<Action, SeccompError> {
    Ok(match word {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(EPERM)),
        "SCMP_ACT_TRACE" => Action::Trace(errno.unwrap_or(EPERM)),
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        _ => return Err(SeccompError::Unknown { what: "action", value: word.to_owned() }),
    })
}

fn arg(arg: &Arg) -> Result<ArgRule, SeccompError> {
    let op = match arg.op.as_str() {
        "SCMP_CMP_NE" => Op::Ne,
        "SCMP_CMP_LT" => Op::Lt,
        "SCMP_CMP_LE" => Op::Le,
        "SCMP_CMP_EQ" => Op::Eq,
        "SCMP_CMP_GE" => Op::Ge,
        "SCMP_CMP_GT" => Op::Gt,
        "SCMP_CMP_MASKED_EQ" => Op::MaskedEq,
        _ => return Err(SeccompError::Unknown { what: "operator", value: arg.op.clone() }),
    };
    if arg.index > 5 {
        return Err(SeccompError::Unknown { what: "argument", value: arg.index.to_string() });
    }
    Ok(ArgRule { index: arg.index, op, value: arg.value, value_two: arg.value_two })
}

/// Rules back in the OCI form, for another runtime.
pub(super) fn document(selected: &Selected) -> serde_json::Value {
    let calls: Vec<serde_json::Value> = selected.rules.iter().map(call).collect();
    let (action, errno) = words_of(selected.default);
    let mut document = serde_json::json!({"defaultAction": action, "architectures": ARCHITECTURES, "syscalls": calls});
    if let (Some(errno), Some(document)) = (errno, document.as_object_mut()) {
        document.insert("defaultErrnoRet".into(), errno.into());
    }
    document
}

/// The machine's ABIs in libseccomp's words.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[&str] = &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
/// The machine's ABIs in libseccomp's words.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: &[&str] = &["SCMP_ARCH_AARCH64"];

fn call(rule: &Rule) -> serde_json::Value {
    let (action, errno) = words_of(rule.action);
    let args: Vec<serde_json::Value> = rule
        .args
        .iter()
        .map(|arg| serde_json::json!({"index": arg.index, "value": arg.value, "valueTwo": arg.value_two, "op": op_word(arg.op)}))
        .collect();
    let mut document = serde_json::json!({"names": rule.names, "action": action, "args": args});
    if let (Some(errno), Some(document)) = (errno, document.as_object_mut()) {
        document.insert("errnoRet".into(), errno.into());
    }
    document
}

fn words_of(action: Action) -> (&'static str, Option<u16>) {
    match action {
        Action::Allow => ("SCMP_ACT_ALLOW", None),
        Action::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno)),
        Action::Trace(value) => ("SCMP_ACT_TRACE", Some(value)),
        Action::Log => ("SCMP_ACT_LOG", None),
        Action::Trap => ("SCMP_ACT_TRAP", None),
        Action::KillThread => ("SCMP_ACT_KILL_THREAD", None),
        Action::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    }
}

fn op_word(op: Op) -> &'static str {
    match op {
        Op::Ne => "SCMP_CMP_NE",
        Op::Lt => "SCMP_CMP_LT",
        Op::Le => "SCMP_CMP_LE",
        Op::Eq => "SCMP_CMP_EQ",
        Op::Ge => "SCMP_CMP_GE",
        Op::Gt => "SCMP_CMP_GT",
        Op::MaskedEq => "SCMP_CMP_MASKED_EQ",
    }
}
