//! `stead import`.

use std::fs::File;
use std::io::{self, Read};

use stead_image::ImportOptions;

use super::progress::{Shown, To};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, text};
use crate::container::options::files::cause;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

pub(crate) static IMPORT: Command = Command {
    name: "import",
    usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    about: "Import the contents from a tarball to create a filesystem image",
    long: "The archive is the root file system, plain or compressed with gzip or zstd; `-` reads it from standard input.\n\
           --change takes CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR.",
    also: &["stead image import", "stead import"],
    flags: &[&[
        list("change", Some('c'), "Apply Dockerfile instruction to the created image"),
        text("message", Some('m'), "Set commit message for imported image"),
        text("platform", None, "Set platform if server is multi-platform capable"),
    ]],
    arity: Arity::Between(1, 2),
    completes: Completes::Files,
    examples: &[("A directory as an image", "tar -C root -c . | stead import -c 'CMD [\"/bin/sh\"]' - mine:1")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let source = matches.args[0].as_str();
    let options = ImportOptions {
        reference: matches.args.get(1).cloned(),
        changes: matches.list("change").map(str::to_owned).collect(),
        message: matches.text("message").unwrap_or_default().to_owned(),
        source: source.to_owned(),
        platform: matches.filled("platform").map(str::to_owned),
    };
    if source.starts_with("http://") || source.starts_with("https://") {
        let id = context.engine()?.image_import_from(source, &options, &Shown::new(To::Output))?;
        output::line(&id)?;
        return Ok(0);
    }
    let mut input: Box<dyn Read + Send> = match source {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(|e| Failure::plain(1, format!("open {path}: {}", cause(&e))))?),
    };
    let id = context.engine()?.image_import(&mut *input, &options)?;
    output::line(&id)?;
    Ok(0)
}
