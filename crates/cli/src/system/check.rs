//! `stead system check`.

use stead_engine::Engine;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::inspect::View;
use crate::listing::FORMAT_ONE;
use crate::output;

pub(super) static CHECK: Command = Command {
    name: "check",
    usage: "[OPTIONS]",
    about: "Find what a crash left behind, and put it right",
    long: "Looks at every record, volume, layer and mount. Without --repair nothing is changed. A repair finishes what was begun or lets go\n\
           of what nobody holds; it never deletes what a user wrote. Exit status 1 means that something is left to do.",
    flags: &[&[FORMAT_ONE, switch("repair", None, "Finish or undo what was left half done")]],
    arity: Arity::Exactly(0),
    examples: &[("After a power cut", "stead system check --repair")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let repair = matches.on("repair");
    let report = if repair { Engine::system_repair(context.options())? } else { context.engine()?.system_check(false)? };
    let status = u8::from(!report.is_clean());
    if let Some(format) = matches.filled("format") {
        let value = serde_json::to_value(&report).map_err(Failure::error)?;
        let shown = match View::read(Some(format))? {
            View::Template(template) => template.run(&value, crate::format::inspect::RULES)? + "\n",
            _ => format!("{value}\n"),
        };
        output::text(&shown)?;
        return Ok(status);
    }
    for finding in &report.findings {
        let done = if finding.repaired { " (repaired)" } else { "" };
        output::line(&format!("{} {}: {}{done}", finding.room, finding.subject, finding.problem))?;
    }
    let left = report.findings.iter().filter(|f| !f.repaired).count();
    let repaired = report.findings.len() - left;
    output::line(&match (left, repaired) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, n) => format!("{n} repaired, nothing is left to do."),
        (n, 0) if !repair => format!("{n} found. Run 'stead system check --repair' to put right what can be."),
        (n, r) => format!("{r} repaired, {n} left."),
    })?;
    Ok(status)
}
