//! `stead version`.

use serde_json::{Value, json};

use crate::command::{Act, Arity, Command, Matches, Outcome};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::inspect::{EXIT_TEMPLATE, RULES, View};
use crate::listing::FORMAT_ONE;
use crate::output;

pub(crate) static VERSION: Command = Command {
    name: "version",
    usage: "[OPTIONS]",
    about: "Show the version information",
    long: "Client and Server are the same program; both are shown so that templates written for Docker find what they look for.",
    flags: &[&[FORMAT_ONE]],
    arity: Arity::Exactly(0),
    examples: &[("The version alone", "stead version -f '{{.Server.Version}}'")],
    act: Act::Run(run),
    ..Command::NEW
};

/// What `-v` prints.
pub(crate) fn line() -> String {
    format!("stead version {}", env!("CARGO_PKG_VERSION"))
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    let view = View::read(matches.text("format")).map_err(|e| Failure::plain(EXIT_TEMPLATE, e.to_string()))?;
    let both = context.engine()?.system_version();
    let text = |key: &str| both.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = json!({ "Client": both, "Server": both });
    let shown = match view {
        View::Json => format!("{all}\n"),
        View::Template(template) => template.run(&all, RULES)? + "\n",
        View::Indented => format!(
            "Version:        {}\nAPI version:    {}\nOS/Arch:        {}/{}\nKernel version: {}\n",
            text("Version"),
            text("ApiVersion"),
            text("Os"),
            text("Arch"),
            text("KernelVersion")
        ),
    };
    output::text(&shown)?;
    Ok(0)
}
