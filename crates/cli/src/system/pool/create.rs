//! `stead system pool create`.

use std::path::Path;

use stead_base::size;

use super::{check_size, size_of};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text, value};
use crate::context::Context;
use crate::output;

pub(super) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS]",
    about: "Make the pool",
    long: "With --size it lies in a sparse file below the root, which takes of the host's disk only what is written; what is deleted in the pool is\n\
           given back. With --device it takes the whole device. Needs mkfs.btrfs (Debian's package btrfs-progs). A root has one pool.",
    flags: &[&[
        text("device", None, "Block device to take").offers(Completes::Files),
        switch("force", Some('f'), "Overwrite what is on the device"),
        value("size", None, "bytes", check_size, "How large it may become"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[
        ("Up to 50 GiB in a sparse file", "stead system pool create --size 50g"),
        ("A disk of its own", "stead system pool create --device /dev/sdb"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let device = matches.filled("device").map(Path::new);
    let pool = context.engine()?.system_pool_create(size_of(matches), device, matches.on("force"))?;
    for warning in &pool.warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    output::line(&format!("{} of {} on {}", pool.filesystem, size::human_binary(pool.size), pool.source))?;
    Ok(0)
}
