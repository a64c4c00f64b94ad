//! `stead info`.

use std::fmt::Write as _;

use serde_json::Value;
use stead_base::size;

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::inspect::{EXIT_TEMPLATE, RULES, View};
use crate::listing::FORMAT_ONE;
use crate::output;

pub(crate) static INFO: Command = Command {
    name: "info",
    usage: "[OPTIONS]",
    about: "Display system-wide information",
    also: &["stead system info", "stead info"],
    flags: &[&[FORMAT_ONE]],
    arity: Arity::Exactly(0),
    examples: &[("Where the state is", "stead info -f '{{.DockerRootDir}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let view = View::read(matches.text("format")).map_err(|e| Failure::plain(EXIT_TEMPLATE, e.to_string()))?;
    let info = context.engine()?.system_info()?;
    let text = match view {
        View::Indented => words(&info, context),
        View::Json => format!("{info}\n"),
        View::Template(template) => template.run(&info, RULES)? + "\n",
    };
    output::text(&text)?;
    Ok(0)
}

fn words(info: &Value, context: &Context) -> String {
    let text = |key: &str| match info.get(key) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Null) | None => "unknown".to_owned(),
        Some(other) => other.to_string(),
    };
    let memory = size::human_binary(info.get("MemTotal").and_then(Value::as_u64).unwrap_or(0));
    let plugins = |kind: &str| {
        let names = info.get("Plugins").and_then(|p| p.get(kind)).and_then(Value::as_array);
        names.map(|n| n.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    let mut out = String::from("Server:\n");
    for (name, value) in [
        ("Containers", text("Containers")),
        (" Running", text("ContainersRunning")),
        (" Paused", text("ContainersPaused")),
        (" Stopped", text("ContainersStopped")),
        ("Images", text("Images")),
        ("Server Version", text("ServerVersion")),
        ("Storage Driver", text("Driver")),
        ("Logging Driver", text("LoggingDriver")),
        ("Cgroup Driver", text("CgroupDriver")),
        ("Cgroup Version", text("CgroupVersion")),
        ("Volume Plugins", plugins("Volume")),
        ("Network Plugins", plugins("Network")),
        ("Log Plugins", plugins("Log")),
        ("Default Runtime", text("DefaultRuntime")),
        ("Kernel Version", text("KernelVersion")),
        ("Operating System", text("OperatingSystem")),
        ("OSType", text("OSType")),
        ("Architecture", text("Architecture")),
        ("CPUs", text("NCPU")),
        ("Total Memory", memory),
        ("Name", text("Name")),
        ("ID", text("ID")),
        ("Root Dir", text("DockerRootDir")),
        ("Run Root Dir", context.run_root.display().to_string()),
    ] {
        // Writing to a String cannot fail.
        writeln!(out, " {name}: {value}").ok();
    }
    out
}
