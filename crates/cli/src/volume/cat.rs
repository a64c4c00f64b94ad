//! `stead volume cat`.

use std::io::Read;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::{Failure, each};
use crate::output;

pub(super) static CAT: Command = Command {
    name: "cat",
    usage: "VOLUME[@SNAPSHOT]:PATH...",
    about: "Print files of a volume",
    long: "No container is needed for it. Symbolic links stay in the volume; what is no regular file is never opened.",
    arity: Arity::AtLeast(1),
    completes: Completes::Volumes,
    examples: &[
        ("A configuration", "stead volume cat data:/etc/app.conf"),
        ("As it was on Monday", "stead volume cat data@monday:/etc/app.conf"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let engine = context.engine()?;
    each(&matches.args, |text| {
        let (name, path) = place(text)?;
        let mut file = engine.volume_cat(name, path)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => output::stdout_bytes(&buffer[..count])?,
            }
        }
    })
}

/// `VOLUME[@SNAPSHOT]:PATH`; `volume:` may stand before it, as for `cp`.
pub(super) fn place(text: &str) -> Result<(&str, &str), Failure> {
    let text = text.strip_prefix("volume:").filter(|rest| rest.contains(':')).unwrap_or(text);
    match text.split_once(':') {
        Some((name, path)) if !name.is_empty() => Ok((name, if path.is_empty() { "/" } else { path })),
        _ => Err(Failure::plain(1, format!("{text:?} names no path in a volume: write VOLUME:PATH"))),
    }
}
