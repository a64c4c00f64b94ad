//! `stead system run-due`.

use stead_engine::system::run_due::DueReport;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(super) static RUN_DUE: Command = Command {
    name: "run-due",
    usage: "[OPTIONS]",
    about: "Take the snapshots that schedules ask for by now",
    long: "Prints what was taken, and what a schedule had taken that is not kept any longer. Removed volumes whose time is over are\n\
           deleted. To be run by a timer (`stead system service install` writes one), by cron or by hand, as often as you like: nothing is done twice, and what was missed is made up for once. `stead serve`\n\
           does the same by its own clock. Ends with 1 when something failed, which is tried again the next time.",
    flags: &[&[text("format", None, "Format output: json, or text").or("\"text\"").offers(Completes::Words(&["json", "text"]))]],
    arity: Arity::Exactly(0),
    examples: &[("From a crontab", "*/5 * * * * stead system run-due")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let report = context.engine()?.system_run_due()?;
    match matches.text("format") {
        Some("json") => output::line(&serde_json::to_string(&report).map_err(Failure::error)?)?,
        None | Some("" | "text") => tell(&report)?,
        Some(other) => return Err(Failure::plain(1, format!("unknown format {other:?}: it is json or text"))),
    }
    Ok(u8::from(!report.failures.is_empty()))
}

fn tell(report: &DueReport) -> Result<(), Failure> {
    if report.busy {
        output::warn("Somebody else does what is due at this moment.");
    }
    for snapshot in &report.taken {
        output::line(&format!("Took {snapshot}"))?;
    }
    for snapshot in &report.removed {
        output::line(&format!("Removed {snapshot}"))?;
    }
    for failure in &report.failures {
        output::warn(&format!("ERROR: {failure}"));
    }
    Ok(())
}
