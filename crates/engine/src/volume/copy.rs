//! `volume cp`: a path of a volume as a tar stream, and a tar stream into a directory of a volume, without a container.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use stead_archive::{Owner, PathStat, ReadOptions, Rebase, WriteOptions, Written};
use stead_base::Kind;
use stead_monitor::lease::Leases;
use stead_mount::names::split_snapshot;
use stead_volume::Held;

use crate::{Engine, Failure, Result};

/// How an archive is put into a volume.
#[derive(Debug, Clone, Default)]
pub struct VolumePut {
    /// Refuse to replace a directory by something else, and the other way round.
    pub no_overwrite_dir_non_dir: bool,
    /// Give everything to this user and group.
    pub owner: Option<(u32, u32)>,
    /// Old and new name of the archive's top.
    pub rename: Option<(String, String)>,
}

impl Engine {
    /// Describes a path of `VOL` or `VOL@SNAP`.
    ///
    /// # Errors
    /// No such volume or snapshot; `Could not find the file PATH in volume NAME`.
    pub fn volume_stat(&self, reference: &str, path: &str) -> Result<PathStat> {
        let held = self.hold_volume(reference)?;
        stead_archive::stat(held.root(), Path::new(path)).map_err(|error| in_volume(error, reference))
    }

    /// A path of `VOL` or `VOL@SNAP` as a tar stream, produced while it is read; its top is called `name` where one is given. The last read fails
    /// where the volume was removed or replaced meanwhile.
    ///
    /// # Errors
    /// As [`Engine::volume_stat`].
    pub fn volume_archive_get(&self, reference: &str, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + Send>)> {
        // A part of a snapshot may have names of a file whose other names are elsewhere, as with any other copy: each is a file.
        let (volume, snapshot) = split_snapshot(reference);
        let links = match snapshot {
            Some(snapshot) => self.volumes.snapshot_links(volume, snapshot)?.map(|_all| BTreeMap::new()),
            None => None,
        };
        let options = ReadOptions { name: name.map(str::to_owned), links, ..ReadOptions::default() };
        self.volume_archive(reference, path, &options)
    }

    pub(super) fn volume_archive(&self, reference: &str, path: &str, options: &ReadOptions) -> Result<(PathStat, Box<dyn Read + Send>)> {
        let held = self.hold_volume(reference)?;
        let opened = stead_archive::read(held.root(), Path::new(path), options);
        let (stat, stream) = opened.map_err(|error| in_volume(error, reference))?;
        Ok((stat, Box::new(Leaving { stream, held })))
    }

    /// Unpacks a tar (plain, gzip or zstd) into a directory of a volume. When it returns, what was copied survives a power cut.
    ///
    /// # Errors
    /// The directory is missing, the archive is refused, the disk is full: what was unpacked before stays, each file whole. A snapshot.
    pub fn volume_archive_put(&self, reference: &str, path: &str, put: &VolumePut, archive: &mut dyn Read) -> Result<Written> {
        let writing = self.hold_for_writing(reference)?;
        let held = &writing.held;
        let options = WriteOptions {
            no_overwrite_dir_non_dir: put.no_overwrite_dir_non_dir,
            owner: put.owner.map_or(Owner::Archive, |(uid, gid)| Owner::Fixed(uid, gid)),
            rebase: put.rename.as_ref().map(|(old, new)| Rebase { old: old.clone(), new: new.clone() }),
            ..WriteOptions::default()
        };
        let written = stead_archive::write(held.root(), Path::new(path), archive, &options).map_err(|error| in_volume(error, reference))?;
        held.still_there()?;
        self.emit_volume(&held.volume().name, "extract-to-dir", &[("driver", &held.volume().driver), ("path", path)]);
        Ok(written)
    }

    pub(super) fn hold_for_writing(&self, reference: &str) -> Result<Writing> {
        match split_snapshot(reference) {
            (name, None) => {
                let lease = self.lease_to_write(name)?;
                Ok(Writing { held: self.volumes.hold_to_write(name)?, _lease: lease })
            }
            (..) => {
                self.hold_volume(reference)?;
                Err(Failure::new(Kind::NotAllowed, format!("{reference} is a snapshot: nothing is written to it"))
                    .with_hint(format!("'stead volume clone {reference} NEW' makes a volume of it")))
            }
        }
    }
}

/// A volume that a command writes to.
pub(super) struct Writing {
    pub(super) held: Held,
    /// Whoever is to have it for himself waits, or is waited for.
    _lease: Leases,
}

/// An archive on its way out, and the hold on what it is read from.
struct Leaving {
    stream: stead_archive::TreeReader,
    held: Held,
}

impl Read for Leaving {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.held.still_there().map_err(std::io::Error::other)?;
        }
        Ok(count)
    }
}

/// Docker's words for a missing file, with the volume as the user named it.
pub(super) fn in_volume(error: stead_archive::Error, typed: &str) -> Failure {
    match error {
        stead_archive::Error::NotFound { .. } => Failure::new(Kind::NotFound, format!("{error} in volume {typed}")),
        stead_archive::Error::RootReadOnly => {
            Failure::new(Kind::NotAllowed, format!("the file system of volume {typed} is mounted read-only"))
        }
        other => other.into(),
    }
}
