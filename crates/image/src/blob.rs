//! Small content by digest: configs and manifests, below `images/blobs/sha256`. Written once, checked at every reading.

use std::io::Read;
use std::path::PathBuf;

use stead_base::Digest;

use crate::images::digest;
use crate::{Error, Images, Result};

/// Largest manifest, index or config: Docker's limit for manifests is 4 MiB too.
pub(crate) const BLOB_MAX: u64 = 4 << 20;

impl Images {
    /// Makes the bytes durable under their digest.
    pub(crate) fn write_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let id = digest(bytes);
        let path = self.blob_path(&id);
        if path.symlink_metadata().is_ok() && self.read_blob(&id).is_ok() {
            return Ok(id);
        }
        match stead_sys::durable::replace_file(&path, bytes, 0o600) {
            Err(e) if e.io_kind() == std::io::ErrorKind::NotFound => {
                stead_sys::durable::create_dir_all(&self.root.image_blobs(), 0o700)?;
                stead_sys::durable::replace_file(&path, bytes, 0o600)?;
            }
            other => other?,
        }
        Ok(id)
    }

    /// Reads bytes and checks that they are the ones the digest names.
    pub(crate) fn read_blob(&self, id: &Digest) -> Result<Vec<u8>> {
        let path = self.blob_path(id);
        let file = std::fs::File::open(&path).map_err(|e| stead_sys::Error::new("open", &path, e))?;
        let mut bytes = Vec::new();
        file.take(BLOB_MAX + 1).read_to_end(&mut bytes).map_err(|e| stead_sys::Error::new("read", &path, e))?;
        if digest(&bytes) == *id { Ok(bytes) } else { Err(Error::Damaged { path, why: "its digest is another".to_owned() }) }
    }

    pub(crate) fn remove_blob(&self, id: &Digest) -> Result<()> {
        Ok(stead_sys::durable::remove_file(&self.blob_path(id))?)
    }

    fn blob_path(&self, id: &Digest) -> PathBuf {
        self.root.image_blobs().join(id.hex())
    }
}
