//! `stead save`.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use stead_image::Format;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, text};
use crate::container::options::files::cause;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static SAVE: Command = Command {
    name: "save",
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    long: "The archive is a docker-archive and an OCI layout at once: Docker, podman and Stead load it.",
    also: &["stead image save", "stead save"],
    flags: &[&[
        text("output", Some('o'), "Write to a file, instead of STDOUT").offers(Completes::Files),
        text("format", None, "Archive format (docker-archive, which is an OCI layout as well, or oci-archive)")
            .or("\"docker-archive\"")
            .offers(Completes::Words(&["docker-archive", "oci-archive"])),
        text("platform", None, "Save only the given platform variant").hidden(),
    ]],
    arity: Arity::AtLeast(1),
    completes: Completes::Images,
    examples: &[("Into a compressed file", "stead save redis nginx | gzip > images.tar.gz")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    if let Some(value) = matches.filled("platform") {
        return Err(Failure::error(format_args!("option \"--platform {value}\" is not supported: one platform of an image is kept")));
    }
    let format: Format = matches.filled("format").unwrap_or("docker-archive").parse().map_err(|why: String| Failure::plain(1, why))?;
    let engine = context.engine()?;
    let save = |out: &mut dyn Write| -> Result<(), Failure> { Ok(engine.image_save(&matches.args, format, out)?) };
    match matches.filled("output") {
        Some(path) => into_file(Path::new(path), "failed to save image", save)?,
        None if output::is_terminal() => {
            return Err(Failure::plain(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect"));
        }
        None => {
            let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
            save(&mut out)?;
            out.flush()?;
        }
    }
    Ok(0)
}

/// Writes beside and puts in place at the end, so that a failed save leaves an older archive whole.
pub(crate) fn into_file(path: &Path, what: &str, save: impl Fn(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::plain(1, format!("{what}: {}: {}", path.display(), cause(&e)));
    // A device or a pipe cannot be replaced, only written.
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        let mut out = OpenOptions::new().write(true).open(path).map_err(failed)?;
        return save(&mut out);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = Path::new(&beside);
    let file = OpenOptions::new().write(true).create_new(true).open(beside).map_err(failed)?;
    let mut out = BufWriter::with_capacity(256 << 10, file);
    let written = save(&mut out).and_then(|()| out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed));
    let placed = written.and_then(|()| stead_sys::durable::rename(beside, path).map_err(Failure::error));
    if placed.is_err() {
        // The failure itself is told; what was written so far is of no use.
        drop(fs::remove_file(beside));
    }
    placed
}
