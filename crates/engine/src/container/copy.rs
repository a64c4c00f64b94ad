//! Copying into and out of a container, running or stopped: its root is reached by one descriptor, and nothing is mounted for it on the host.

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use stead_archive::{Owner, PathStat, ReadOptions, TreeReader, WriteOptions};
use stead_base::Kind;
use stead_layer::writable;
use stead_mount::Source;
use stead_runtime::view::{self, RootView, ViewError};

use super::record::Container;
use crate::{Engine, Failure, Result};

/// How an archive is put into a container.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArchivePut {
    /// Refuse to replace a directory by something else, and the other way round.
    pub no_overwrite_dir_non_dir: bool,
    /// Give everything to the container's user (`cp -a`), if it has one of its own.
    pub copy_uid_gid: bool,
}

/// How often a container that is between two states is looked at again, and how long in between.
const LOOKS_MAX: u32 = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

impl Engine {
    /// Describes a path of a container.
    ///
    /// # Errors
    /// `Could not find the file PATH in container NAME`.
    pub fn container_stat(&self, typed: &str, path: &str) -> Result<PathStat> {
        let seen = self.look_into(self.container(typed)?)?;
        stead_archive::stat(seen.root(), Path::new(path)).map_err(|error| in_container(error, typed))
    }

    /// A path of a container as a tar stream, produced while it is read.
    ///
    /// # Errors
    /// `Could not find the file PATH in container NAME`.
    pub fn container_archive_get(&self, typed: &str, path: &str) -> Result<(PathStat, Box<dyn Read + '_>)> {
        self.container_archive_named(typed, path, None)
    }

    /// The same, with another name for the archive's top.
    ///
    /// # Errors
    /// As [`Engine::container_archive_get`].
    pub fn container_archive_named(&self, typed: &str, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + '_>)> {
        let container = self.container(typed)?;
        let seen = self.look_into(container.clone())?;
        let options = ReadOptions { name: name.map(str::to_owned), ..ReadOptions::default() };
        let opened = stead_archive::read(seen.root(), Path::new(path), &options);
        let (stat, stream) = opened.map_err(|error| in_container(error, typed))?;
        self.emit_container(&container, "archive-path", &[]);
        Ok((stat, Box::new(Leaving { stream, _seen: seen })))
    }

    /// Unpacks a tar (plain, gzip or zstd) into a directory of a container. When it returns, what was copied survives a power cut.
    ///
    /// # Errors
    /// The directory is missing or read-only, or the archive is refused.
    pub fn container_archive_put(&self, typed: &str, path: &str, put: ArchivePut, archive: &mut dyn Read) -> Result<()> {
        let container = self.container(typed)?;
        let user = container.config.user.clone();
        let seen = self.look_into(container.clone())?;
        let owner = if put.copy_uid_gid && !user.is_empty() {
            let (uid, gid) = stead_archive::account(seen.root(), &user)?;
            Owner::Fixed(uid, gid)
        } else {
            Owner::Archive
        };
        let options = WriteOptions { no_overwrite_dir_non_dir: put.no_overwrite_dir_non_dir, owner, ..WriteOptions::default() };
        stead_archive::write(seen.root(), Path::new(path), archive, &options).map_err(|error| in_container(error, typed))?;
        self.emit_container(&container, "extract-to-dir", &[]);
        Ok(())
    }

    /// The container's file system as it is now. While a stopped one is looked into it cannot be started.
    fn look_into(&self, container: Container) -> Result<Seen<'_>> {
        for _ in 0..LOOKS_MAX {
            let now = self.now(&container.id);
            if now.is_running() {
                let pid = now.pid();
                match view::open_running(pid) {
                    // Still its process after the view was opened: then it was when it was opened.
                    Ok(view) if self.now(&container.id).pid() == pid => return Ok(Seen { view, _stopped: None }),
                    Ok(_) | Err(ViewError::Gone { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            } else if now.live.is_none() {
                let hold = writable::hold(&self.run_root, &container.id)?;
                if self.now(&container.id).live.is_none() {
                    return self.look_into_stopped(container, hold);
                }
            }
            // Being started, or in the pause before a restart: its monitor will mount the root at any moment.
            std::thread::sleep(LOOK_PAUSE);
        }
        let text = format!("Container {} is restarting, wait until the container is running", container.id);
        Err(Failure::new(Kind::Conflict, text))
    }

    fn look_into_stopped(&self, container: Container, hold: writable::Hold) -> Result<Seen<'_>> {
        let layer = writable::ensure(&self.root, &container.id)?;
        // As at a start: what the image has for a new volume must be there before anything is copied next to it.
        self.populate_volumes(&container)?;
        let mounts = self.activate_mounts(&container, &[])?;
        self.tell_mounted(&container);
        let stopped = Stopped { engine: self, container, _hold: hold };
        let plan = self.plan(&stopped.container, &layer, mounts, stead_runtime::NetNamespace::None)?;
        let missing = |source: &Source| matches!(source, Source::Path(path) if !path.exists());
        if plan.engine_files.iter().any(|file| missing(&file.source)) {
            self.write_engine_files(&stopped.container, None)?;
        }
        let mounts: Vec<_> = plan.engine_files.into_iter().chain(plan.mounts).collect();
        let view = view::open_stopped(&plan.rootfs, &mounts, &plan.process.user)?;
        Ok(Seen { view, _stopped: Some(stopped) })
    }
}

/// A view and, after it, what was done for it.
#[derive(Debug)]
struct Seen<'e> {
    view: RootView,
    _stopped: Option<Stopped<'e>>,
}

impl Seen<'_> {
    fn root(&self) -> BorrowedFd<'_> {
        self.view.root()
    }
}

/// What a stopped container was given to be looked into.
#[derive(Debug)]
struct Stopped<'e> {
    engine: &'e Engine,
    container: Container,
    _hold: writable::Hold,
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        // A mount that stays is in the ledger under a container that does not run: `system check` finds and ends it.
        drop(self.engine.let_go_of_volumes(&self.container));
        self.engine.tell_unmounted(&self.container);
    }
}

/// An archive on its way out; the view ends after it.
struct Leaving<'e> {
    stream: TreeReader,
    _seen: Seen<'e>,
}

impl Read for Leaving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// Docker's words for a missing file name the container as the user did.
fn in_container(error: stead_archive::Error, typed: &str) -> Failure {
    match error {
        stead_archive::Error::NotFound { .. } => Failure::new(Kind::NotFound, format!("{error} in container {typed}")),
        other => other.into(),
    }
}

crate::failure::from_room!(stead_archive::Error, ViewError);
