//! The door of the room: the directory of all layers.

use std::io::{Read, Write};
use std::path::PathBuf;

use stead_base::Digest;
use stead_base::layout::Root;

use crate::Result;

/// All layers below one root. Cheap to open; safe to use from several threads and several processes.
#[derive(Debug, Clone)]
pub struct Layers {
    root: Root,
}

/// One unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Bytes of its files, as `docker images` counts them.
    pub size: u64,
}

/// While it lives no layer is removed and no staging directory is swept. Whoever makes an image holds one from
/// before it asks which layers exist until its record is published.
#[derive(Debug)]
pub struct Hold {
    _lock: (),
}

impl Layers {
    /// Opens (and makes, when they are missing) the directories.
    ///
    /// # Errors
    /// The kernel's, with the path.
    pub fn open(root: &Root) -> Result<Self> {
        Ok(Self { root: root.clone() })
    }

    /// Keeps every layer where it is until the answer is dropped.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn hold(&self) -> Result<Hold> {
        unimplemented!()
    }

    /// The layer, when it is here.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] when its description cannot be read.
    pub fn get(&self, _diff_id: &Digest) -> Result<Option<Layer>> {
        unimplemented!()
    }

    /// Every layer on disk.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Digest>> {
        unimplemented!()
    }

    /// Unpacks one layer: plain, gzip or zstd, told apart by its first bytes. Durable when it returns.
    ///
    /// # Errors
    /// [`crate::Error::WrongDigest`] when `expected` is given and the uncompressed bytes differ; the refusals of hostile entries.
    pub fn unpack(&self, _stream: &mut (dyn Read + Send), _expected: Option<&Digest>) -> Result<Layer> {
        unimplemented!()
    }

    /// Writes the layer's tar, byte for byte what was unpacked; answers its length.
    ///
    /// # Errors
    /// [`crate::Error::Missing`], [`crate::Error::WrongDigest`] when the disk no longer holds the same bytes.
    pub fn assemble(&self, _diff_id: &Digest, _out: &mut dyn Write) -> Result<u64> {
        unimplemented!()
    }

    /// Removes a layer nobody refers to any more. `false` when it stays because somebody holds the layers just now.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, _diff_id: &Digest) -> Result<bool> {
        unimplemented!()
    }

    /// The directories overlayfs wants, top layer first. `diff_ids` is in the config's order, base layer first.
    #[must_use]
    pub fn lower_dirs(&self, diff_ids: &[Digest]) -> Vec<PathBuf> {
        lower_dirs(&self.root, diff_ids)
    }

    /// Removes what a crash left in `layers/.staging` and `layers/.trash`; answers the names. Does nothing while somebody holds the layers.
    ///
    /// # Errors
    /// The kernel's.
    pub fn recover(&self) -> Result<Vec<String>> {
        unimplemented!()
    }
}

/// As [`Layers::lower_dirs`], without touching the disk.
#[must_use]
pub fn lower_dirs(root: &Root, diff_ids: &[Digest]) -> Vec<PathBuf> {
    diff_ids.iter().rev().map(|id| root.layer(id.hex()).join("diff")).collect()
}
