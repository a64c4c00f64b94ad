//! `stead export`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::image::save::into_file;
use crate::output;

/// Bytes that are moved at once.
const CHUNK: usize = 256 << 10;

pub(crate) static EXPORT: Command = Command {
    name: "export",
    usage: "[OPTIONS] CONTAINER",
    about: "Export a container's filesystem as a tar archive",
    long: "The whole root file system, without what is in volumes and other mounts. `stead import` makes an image of it.",
    also: &["stead container export", "stead export"],
    flags: &[&[text("output", Some('o'), "Write to a file, instead of STDOUT").offers(Completes::Files)]],
    arity: Arity::Exactly(1),
    completes: Completes::Containers,
    examples: &[("A flat image out of a container", "stead export box | stead import - box:flat")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    let name = &matches.args[0];
    let export = |out: &mut dyn Write| -> Result<(), Failure> {
        let mut archive = engine.container_export(name)?;
        io::copy(&mut archive, out)?;
        Ok(())
    };
    match matches.filled("output") {
        Some(path) => into_file(Path::new(path), "failed to export container", export)?,
        None if output::is_terminal() => {
            return Err(Failure::plain(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect"));
        }
        None => {
            let mut out = BufWriter::with_capacity(CHUNK, io::stdout().lock());
            export(&mut out)?;
            out.flush()?;
        }
    }
    Ok(0)
}
