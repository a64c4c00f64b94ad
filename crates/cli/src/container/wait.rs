//! `stead wait`.

use stead_engine::container::wait::WaitCondition;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::each;
use crate::output;

pub(crate) static WAIT: Command = Command {
    name: "wait",
    usage: "CONTAINER [CONTAINER...]",
    about: "Block until one or more containers stop, then print their exit codes",
    also: &["stead container wait", "stead wait"],
    arity: Arity::AtLeast(1),
    completes: Completes::Running,
    examples: &[("Wait for a job and use its status", "exit \"$(stead wait job)\"")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |name| {
        let code = engine.container_wait(name, WaitCondition::NotRunning)?;
        Ok(output::line(&code.to_string())?)
    })
}
