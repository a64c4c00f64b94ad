//! `stead volume export`.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use stead_engine::volume::Compression;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::image::save::into_file;
use crate::output;
use crate::terminal::progress::drawing;

pub(super) static EXPORT: Command = Command {
    name: "export",
    usage: "[OPTIONS] VOLUME[@SNAPSHOT]",
    about: "Export a volume's content to a tar archive (streamed to STDOUT by default)",
    long: "Everything a file is goes along: owners, rights, times, access lists and other attributes, hard links, holes, names that are not UTF-8. The \
           same content gives the same bytes. A file named .tar.zst or .tar.gz is compressed so.\n\n\
           A volume that is written to meanwhile is read as it is found; --snapshot exports one instant of it: the containers that use it stand \
           still for a moment. Podman, Docker's tools and GNU tar read the archive.",
    flags: &[&[
        text("output", Some('o'), "Write to a file, instead of STDOUT").offers(Completes::Files),
        text("compression", None, "How it is compressed (none, gzip or zstd); by default as the file's name says")
            .offers(Completes::Words(&["none", "gzip", "zstd"])),
        switch("snapshot", None, "Export a snapshot that is taken for it"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Volumes,
    examples: &[
        ("A backup while the database runs", "stead volume export --snapshot -o pgdata.tar.zst pgdata"),
        ("To another machine", "stead volume export data | ssh other stead volume import data -"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let file = matches.filled("output").filter(|file| *file != "-");
    let how = match matches.filled("compression") {
        Some(name) => {
            Compression::named(name).ok_or_else(|| Failure::plain(1, format!("invalid compression {name:?}: it is none, gzip or zstd")))?
        }
        None => file.map_or(Compression::None, Compression::of_file),
    };
    if file.is_none() && output::is_terminal() {
        return Err(Failure::plain(1, "cowardly refusing to export to a terminal. Use the -o flag or redirect"));
    }
    let engine = context.engine()?;
    let name = &matches.args[0];
    let count = AtomicU64::new(0);
    let save = |out: &mut dyn Write| -> Result<(), Failure> {
        let mut archive = engine.volume_export(name, matches.on("snapshot"), how)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match archive.read(&mut buffer).map_err(|error| Failure::plain(1, format!("export {name}: {error}")))? {
                0 => return Ok(()),
                read => {
                    out.write_all(&buffer[..read])?;
                    count.fetch_add(read as u64, Ordering::Relaxed);
                }
            }
        }
    };
    drawing("Exporting", 0, &count, || match file {
        Some(path) => into_file(Path::new(path), "failed to export volume", save),
        None => {
            let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
            save(&mut out)?;
            Ok(out.flush()?)
        }
    })?;
    Ok(0)
}
