//! `stead create`, and what `run` does before the start.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use stead_base::Kind;
use stead_engine::Engine;
use stead_engine::container::create::{CreateRequest, Created};

use super::options::files::cause;
use super::options::{self, Asked, Pull, table};
use crate::command::{Act, Arity, Command, Completes, Matches, Outcome};
use crate::context::Context;
use crate::failure::{EXIT_ENGINE, Failure};
use crate::{image, output};

pub(crate) static CREATE: Command = Command {
    name: "create",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create a new container",
    long: "Prints the new container's id. Everything is as with `stead run`, except that nothing is started.",
    also: &["stead container create", "stead create"],
    flags: &[&table::STORAGE, &table::PROCESS, &table::RECORD, &table::RESOURCES, &table::NETWORK, &table::FOREIGN],
    arity: Arity::AtLeast(1),
    interspersed: false,
    completes: Completes::Images,
    examples: &[("Create now, start later", "stead create --name web -v site:/usr/share/nginx/html nginx\n  stead start web")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let asked = options::resolve(matches)?;
    let engine = context.engine().map_err(Failure::engine_run)?;
    let created = create(&engine, asked)?;
    output::line(&created.id)?;
    Ok(0)
}

/// Creates a container, pulling its image first where it is wanted and not here.
///
/// # Errors
/// Status 125, in the engine's words.
pub(super) fn create(engine: &Engine, asked: Asked) -> Result<Created, Failure> {
    let Asked { name, platform, pull, quiet, cidfile, config, host, networking, guard, renew_anonymous } = asked;
    // Before anything is made: a file that cannot be written must not leave a container behind.
    let id_file = cidfile.map(IdFile::begin).transpose()?;
    let reference = config.image.clone();
    let to = if quiet { image::To::Nowhere } else { image::To::Errors };
    let fetch = || image::pull::fetch(engine, &reference, platform.as_deref(), to).map_err(|e| e.with_code(EXIT_ENGINE));
    if pull == Pull::Always {
        fetch()?;
    }
    // The engine finds this out at the start, as Docker's does; here it is found out before a container is left behind.
    for network in networking.endpoints_config.keys() {
        engine.network_resolve(network).map_err(Failure::engine_run)?;
    }
    let request = CreateRequest { name, config, host, networking, platform: platform.clone(), guard, renew_anonymous };
    let first = engine.container_create(request.clone());
    let created = match first {
        // The text is what tells a missing image from a missing volume or container; both are "not found".
        Err(failure) if pull == Pull::Missing && failure.kind == Kind::NotFound && failure.message.starts_with("No such image") => {
            output::warn(&format!("Unable to find image '{}' locally", image::tagged(&reference)));
            fetch()?;
            engine.container_create(request)
        }
        answer => answer,
    }
    .map_err(Failure::engine_run)?;
    for warning in &created.warnings {
        output::warn(&format!("WARNING: {warning}"));
    }
    if let Some(mut file) = id_file {
        file.write(&created.id)?;
    }
    // Whoever makes things from time to time is who lets go of what was removed and is due.
    crate::roles::sweep_later(engine);
    Ok(created)
}

/// `--cidfile`: made new before the container, so that another container's id is never overwritten, and taken away if none comes.
struct IdFile {
    path: PathBuf,
    file: File,
    written: bool,
}

impl IdFile {
    fn begin(path: PathBuf) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let failed = |e| Self::failed(&path, "failed to create the container ID file:", &e);
        Ok(Self { file: file.map_err(failed)?, path, written: false })
    }

    /// The id without a line end, as Docker writes it.
    fn write(&mut self, id: &str) -> Result<(), Failure> {
        let done = self.file.write_all(id.as_bytes()).and_then(|()| self.file.sync_all());
        done.map_err(|e| Self::failed(&self.path, "failed to write the container ID to the file", &e))?;
        self.written = true;
        Ok(())
    }

    fn failed(path: &Path, what: &str, error: &std::io::Error) -> Failure {
        Failure::plain(EXIT_ENGINE, format!("stead: {what} {}: {}", path.display(), cause(error)))
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if !self.written {
            drop(std::fs::remove_file(&self.path));
        }
    }
}
