//! `volume export`: a volume as one archive, the same bytes for the same content.

use std::io::Read;

use stead_archive::{Compression, ReadOptions};
use stead_mount::names::split_snapshot;
use stead_volume::{SnapshotRequest, Why};

use crate::{Engine, Result};

impl Engine {
    /// All of `VOL` or `VOL@SNAP` as a tar stream, produced while it is read. A volume that is written to meanwhile is read as it is found, each
    /// file with the size it had when its turn came; `of_instant` reads a snapshot instead, which is taken first (its users stand still for a
    /// moment) and removed at the end.
    ///
    /// # Errors
    /// No such volume or snapshot; the snapshot cannot be taken. The last read fails where the volume was removed or replaced meanwhile.
    pub fn volume_export(&self, reference: &str, of_instant: bool, how: Compression) -> Result<Box<dyn Read + '_>> {
        let (name, snapshot) = split_snapshot(reference);
        let passing = if of_instant && snapshot.is_none() { Some(self.passing_snapshot(name)?) } else { None };
        let source = passing.as_ref().map_or_else(|| reference.to_owned(), |passing| format!("{name}@{}", passing.snapshot));
        let links = match split_snapshot(&source).1 {
            Some(snapshot) => self.volumes.snapshot_links(name, snapshot)?,
            None => None,
        };
        let options = ReadOptions { name: Some(".".to_owned()), exact: true, links, ..ReadOptions::default() };
        let (_, stream) = self.volume_archive(&source, "/", &options)?;
        let stream = stead_archive::compressed(Box::new(Exported { stream, _passing: passing }), how)?;
        self.emit_volume(name, "export", &[("source", reference)]);
        Ok(stream)
    }

    fn passing_snapshot(&self, name: &str) -> Result<Passing<'_>> {
        let cloning = Box::new(self.volumes.hold_clone()?);
        let wanted = SnapshotRequest { volume: name.to_owned(), why: Why::Clone, ..SnapshotRequest::default() };
        let taken = self.volume_snapshot_create(&wanted)?;
        Ok(Passing { engine: self, volume: name.to_owned(), snapshot: taken.name, _cloning: cloning })
    }
}

/// A snapshot that goes when it was read.
struct Passing<'e> {
    engine: &'e Engine,
    volume: String,
    snapshot: String,
    /// While it is held, a repair leaves the snapshot alone.
    _cloning: Box<dyn std::any::Any>,
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        // One that stays is removed by the next repair, because nobody holds it.
        drop(self.engine.volume_snapshot_remove(&self.volume, &self.snapshot));
    }
}

/// An archive on its way out; what it is read from goes after it.
struct Exported<'e> {
    stream: Box<dyn Read + Send>,
    _passing: Option<Passing<'e>>,
}

impl Read for Exported<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}
