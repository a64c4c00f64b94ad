//! The system call filter: Docker's default profile, or one in Docker's JSON form, turned into a BPF program for every ABI of the machine.
//!
//! A profile is a list of [`Rule`]s with conditions on capabilities, architecture and kernel; [`select`] keeps those that apply, and
//! `compile` makes one program of them that first looks which ABI the call came through, so that 32-bit programs run in 64-bit containers.

mod compile;
mod json;
mod profile;
mod syscalls;

pub use stead_sys::credential::FilterInstruction;

use crate::capability;
use crate::spec::{Plan, Seccomp};

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is not made and answers this error.
    Errno(u16),
    /// It is not made; a tracer is told, or ENOSYS.
    Trace(u16),
    /// It is made and written to the audit log.
    Log,
    /// SIGSYS.
    Trap,
    /// The thread ends.
    KillThread,
    /// The process ends.
    KillProcess,
}

impl Action {
    /// The value the kernel understands (include/uapi/linux/seccomp.h).
    pub fn bits(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Self::Trace(value) => 0x7ff0_0000 | u32::from(value),
            Self::Log => 0x7ffc_0000,
            Self::Trap => 0x0003_0000,
            Self::KillThread => 0,
            Self::KillProcess => 0x8000_0000,
        }
    }
}

/// How an argument is compared, all unsigned 64-bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater or equal.
    Ge,
    /// Greater.
    Gt,
    /// Equal after masking with the first value; the second is what must remain.
    MaskedEq,
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgRule {
    /// Which of the six.
    pub index: u32,
    /// How.
    pub op: Op,
    /// With what.
    pub value: u64,
    /// For [`Op::MaskedEq`] the value after masking.
    pub value_two: u64,
}

/// One rule of a profile, its conditions already decided: an action for some calls when all argument conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// System calls by name; names no ABI of the machine has are skipped.
    pub names: Vec<String>,
    /// What happens.
    pub action: Action,
    /// Conditions, all of which must hold.
    pub args: Vec<ArgRule>,
}

/// A profile whose conditions are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// What happens to calls no rule is about.
    pub default: Action,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// Why there is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeccompError {
    /// The profile is not JSON of this form.
    #[error("decoding seccomp profile failed: {0}")]
    Json(String),
    /// The profile names something that does not exist.
    #[error("invalid seccomp profile: unknown {what} {value:?}")]
    Unknown {
        /// What kind of word.
        what: &'static str,
        /// The word.
        value: String,
    },
    /// The program would have more instructions than the kernel takes.
    #[error("invalid seccomp profile: {0} instructions, the kernel takes 4096")]
    TooLong(usize),
}

impl SeccompError {
    /// Always the user's mistake.
    pub fn kind(&self) -> stead_base::Kind {
        stead_base::Kind::Invalid
    }
}

/// Checks a profile in Docker's JSON form without using it.
pub fn check(profile: &str) -> Result<(), SeccompError> {
    let selected = json::select(profile, &|_| true)?;
    compile::compile(&selected).map(drop)
}

/// The profile of a plan's process as the `linux.seccomp` of an OCI document, or none where it is unconfined.
pub(crate) fn oci(plan: &Plan, caps: &[String]) -> Result<Option<serde_json::Value>, SeccompError> {
    Ok(selected(plan, caps)?.map(|selected| json::document(&selected)))
}

/// The filter of a plan's process, or none where it is unconfined. `caps` are those the process may have.
pub fn filter(plan: &Plan, caps: &[String]) -> Result<Option<Vec<FilterInstruction>>, SeccompError> {
    selected(plan, caps)?.map(|selected| compile::compile(&selected)).transpose()
}

fn selected(plan: &Plan, caps: &[String]) -> Result<Option<Selected>, SeccompError> {
    let held = capability::mask(caps);
    let has = |name: &str| capability::number(name).is_some_and(|number| held & (1 << number) != 0);
    Ok(match &plan.process.seccomp {
        Seccomp::Unconfined => None,
        Seccomp::Default => Some(profile::select(&has)),
        Seccomp::Profile(text) => Some(json::select(text, &has)?),
    })
}

/// The running kernel's version as (major, minor); profiles may ask for one.
fn kernel_version() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests;
