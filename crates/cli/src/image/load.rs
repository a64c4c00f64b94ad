//! `stead load`.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use stead_image::{Input, Progress, Silent};

use super::progress::{Shown, To};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::container::options::files::cause;
use crate::context::Context;
use crate::failure::Failure;
use crate::{output, terminal};

pub(crate) static LOAD: Command = Command {
    name: "load",
    usage: "[OPTIONS]",
    about: "Load an image from a tar archive or STDIN",
    long: "docker-archive and oci-archive are understood, plain or compressed with gzip or zstd.",
    also: &["stead image load", "stead load"],
    flags: &[&[
        text("input", Some('i'), "Read from tar archive file, instead of STDIN").offers(Completes::Files),
        text("platform", None, "Load only the given platform variant").hidden(),
        switch("quiet", Some('q'), "Suppress the load output"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[("From a file", "stead load -i redis.tar.gz"), ("From another machine", "ssh other docker save redis | stead load")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("platform") {
        return Err(Failure::error(format_args!("option \"--platform {value}\" is not supported: the variant of this machine is loaded")));
    }
    let input = match matches.filled("input") {
        Some(path) => File::open(path).map_err(|e| Failure::plain(1, format!("open {path}: {}", cause(&e))))?,
        None if terminal::stdin_is_terminal() => return Err(Failure::plain(1, "requested load from stdin, but stdin is empty")),
        // As a file, because a redirected one is then read in place.
        None => File::from(io::stdin().as_fd().try_clone_to_owned()?),
    };
    let engine = context.engine()?;
    let shown;
    let progress: &dyn Progress = if matches.on("quiet") || !output::is_terminal() {
        &Silent
    } else {
        shown = Shown::new(To::Output);
        &shown
    };
    for loaded in engine.image_load(Input::File(input), progress)? {
        for line in loaded.lines() {
            output::line(&line)?;
        }
    }
    Ok(0)
}
