//! `stead volume import`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::AtomicU64;

use stead_base::ids;
use stead_engine::volume::Onto;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch};
use crate::container::options::files::cause;
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::progress::{Counted, drawing};
use crate::{output, roles};

pub(super) static IMPORT: Command = Command {
    name: "import",
    usage: "[OPTIONS] VOLUME FILE|-",
    about: "Import a tar archive (plain, gzip or zstd) into a volume that exists",
    long: "The archive is unpacked and checked aside; only when all of it is there and on the disk it is the volume's content, in one step. A damaged or \
           hostile archive, a full disk or a power cut leave the volume as it was.\n\n\
           The volume must be empty and no container that uses it may run. --replace moves what is there to the trash, from where 'stead volume \
           undelete' has it back under another name. --merge checks the archive aside as well, and then puts file after file beside or over what is \
           there; containers may run.",
    flags: &[&[switch("merge", None, "Add to what is in the volume"), switch("replace", None, "Move what is in the volume to the trash")]],
    arity: Arity::Exactly(2),
    completes: Completes::Volumes,
    examples: &[
        ("Into a new volume", "stead volume create data && stead volume import data data.tar.zst"),
        ("From podman", "podman volume export data | stead volume import data -"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let (name, source) = (&matches.args[0], matches.args[1].as_str());
    let onto = match (matches.on("merge"), matches.on("replace")) {
        (true, true) => return Err(Failure::plain(1, "conflicting options: --merge and --replace")),
        (true, false) => Onto::Merge,
        (false, true) => Onto::Replace,
        (false, false) => Onto::Empty,
    };
    let (mut input, total): (Box<dyn Read>, u64) = match source {
        "-" => (Box::new(io::stdin().lock()), 0),
        path => {
            let file = File::open(path).map_err(|e| Failure::plain(1, format!("open {path}: {}", cause(&e))))?;
            let length = file.metadata().map_or(0, |found| found.len());
            (Box::new(file), length)
        }
    };
    let engine = context.engine()?;
    let count = AtomicU64::new(0);
    let report = drawing("Importing", total, &count, || engine.volume_import(name, onto, &mut Counted::new(&mut input, &count)));
    roles::sweep_later(&engine);
    if let Some(id) = report?.replaced {
        output::warn(&format!("what was there is in the trash: 'stead volume undelete {} NEWNAME' has it back", ids::short(&id)));
    }
    Ok(0)
}
