//! Which names of a snapshot are one file: with [`Method::Shared`] equal files are one object, whether they were one file or two.

use std::collections::BTreeMap;

use super::Method;
use super::manifest::{self, Reader};
use crate::error::disk;
use crate::{Result, Volumes};

impl Volumes {
    /// Names that were one file when the snapshot was taken, each with the number of that file. `None`: as the files themselves say.
    ///
    /// # Errors
    /// No such snapshot; its manifest is damaged.
    pub fn snapshot_links(&self, volume: &str, snapshot: &str) -> Result<Option<BTreeMap<Vec<u8>, u64>>> {
        if self.snapshot(volume, snapshot)?.method != Method::Shared {
            return Ok(None);
        }
        let failed = disk("read", volume);
        let mut links = BTreeMap::new();
        if let Some(mut reader) = Reader::open(&self.snapshot_home(volume, snapshot).join(manifest::FILE)).map_err(&failed)? {
            while let Some(entry) = reader.next().map_err(&failed)? {
                if entry.meta.links > 1 && entry.meta.kind != manifest::Kind::Directory {
                    links.insert(entry.path, entry.meta.ino);
                }
            }
        }
        Ok(Some(links))
    }
}
