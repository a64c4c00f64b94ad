//! `stead update`.

use stead_engine::container::config::HostConfig;

use super::options::{limits, table, values};
use crate::command::parse::{check_int, check_uint16};
use crate::command::{Act, Arity, Command, Completes, Flag, Matches, Outcome, text, value};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

const FLAGS: [Flag; 15] = [
    value("blkio-weight", None, "uint16", check_uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable").or("0"),
    value("cpu-period", None, "int", check_int, "Limit CPU CFS (Completely Fair Scheduler) period"),
    value("cpu-quota", None, "int", check_int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    value("cpu-rt-period", None, "int", check_int, "Limit the CPU real-time period in microseconds"),
    value("cpu-rt-runtime", None, "int", check_int, "Limit the CPU real-time runtime in microseconds"),
    value("cpu-shares", Some('c'), "int", check_int, "CPU shares (relative weight)"),
    value("cpus", None, "decimal", table::cpus, "Number of CPUs"),
    text("cpuset-cpus", None, "CPUs in which to allow execution (0-3, 0,1)"),
    text("cpuset-mems", None, "MEMs in which to allow execution (0-3, 0,1)"),
    value("kernel-memory", None, "bytes", table::ram, "Kernel memory limit").hidden(),
    value("memory", Some('m'), "bytes", table::ram, "Memory limit"),
    value("memory-reservation", None, "bytes", table::ram, "Memory soft limit"),
    value("memory-swap", None, "bytes", table::ram_or_unlimited, "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    value("pids-limit", None, "int", check_int, "Tune container pids limit (set -1 for unlimited)"),
    text("restart", None, "Restart policy to apply when a container exits").offers(Completes::Words(&[
        "no",
        "on-failure",
        "always",
        "unless-stopped",
    ])),
];

pub(crate) static UPDATE: Command = Command {
    name: "update",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Update configuration of one or more containers",
    long: "A running container gets its new limits at once; they are kept for its later starts. What is not named stays as it is.",
    also: &["stead container update", "stead update"],
    flags: &[&FLAGS],
    arity: Arity::AtLeast(1),
    completes: Completes::Containers,
    examples: &[
        ("More memory for a running container", "stead update -m 512m --memory-swap 1g db"),
        ("Bring it back after a reboot", "stead update --restart unless-stopped db"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if matches.everything().next().is_none() {
        return Err(Failure::plain(1, "you must provide one or more flags when using this command"));
    }
    let change = change(matches).map_err(|why| Failure::plain(1, why))?;
    let engine = context.engine()?;
    let mut warnings = Vec::new();
    let outcome = each(&matches.args, |name| {
        warnings.extend(engine.container_update(name, &change)?);
        Ok(output::line(name)?)
    });
    for warning in warnings {
        output::line(&warning)?;
    }
    outcome
}

fn change(matches: &Matches) -> Result<HostConfig, String> {
    let mut change = HostConfig::default();
    limits(matches, &mut change)?;
    if let Some(policy) = matches.filled("restart") {
        change.restart_policy = values::restart(policy)?;
    }
    Ok(change)
}
