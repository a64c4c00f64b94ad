//! `stead system pool grow`.

use stead_base::size;

use super::{check_size, size_of};
use crate::command::{Act, Arity, Command, Matches, Outcome, value};
use crate::context::Context;
use crate::output;

pub(super) static GROW: Command = Command {
    name: "grow",
    usage: "[OPTIONS]",
    about: "Make the pool larger while it is used",
    long: "A pool on a device takes in what the device has grown by; it needs no --size. A pool never shrinks.",
    flags: &[&[value("size", None, "bytes", check_size, "How large it may become")]],
    arity: Arity::Exactly(0),
    examples: &[("Up to 100 GiB", "stead system pool grow --size 100g")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let pool = context.engine()?.system_pool_grow(size_of(matches))?;
    for warning in &pool.warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    output::line(&size::human_binary(pool.size))?;
    Ok(0)
}
