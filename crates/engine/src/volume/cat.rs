//! `volume cat VOL:PATH`: the bytes of a file of a volume.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use stead_volume::Held;

use super::copy::in_volume;
use crate::{Engine, Result};

impl Engine {
    /// A regular file of `VOL` or `VOL@SNAP`. Nothing else is ever opened: a FIFO would wait, a device would act.
    ///
    /// # Errors
    /// No such volume, snapshot or path; it is no regular file.
    pub fn volume_cat(&self, reference: &str, path: &str) -> Result<Box<dyn Read + Send>> {
        let held = self.hold_volume(reference)?;
        let file = stead_archive::open_file(held.root(), Path::new(path)).map_err(|error| in_volume(error, reference))?;
        Ok(Box::new(Opened { file, _held: held }))
    }
}

/// A file, and the hold on what it lies in.
struct Opened {
    file: File,
    _held: Held,
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}
