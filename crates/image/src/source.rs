//! Which registries have a layer under which digest: so that a push need not compress and send what its registry has already. A memory
//! that may be lost or wrong: whatever it says is asked again of the registry.

use std::io::Read as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stead_base::Digest;

use crate::{Images, Reference};

/// Sources of one layer that are remembered.
const SOURCES_MAX: usize = 16;
/// Longest file.
const FILE_MAX: u64 = 64 * 1024;

/// One repository that has the layer, compressed with gzip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The registry.
    pub(crate) domain: String,
    /// The repository there.
    pub(crate) path: String,
    /// Digest of the compressed layer.
    pub(crate) digest: Digest,
    /// Its length.
    pub(crate) size: u64,
}

impl Images {
    /// What is remembered of a layer, latest first.
    pub(crate) fn sources(&self, diff_id: &Digest) -> Vec<Source> {
        let mut text = Vec::new();
        let file = std::fs::File::open(self.source_path(diff_id));
        let read = file.and_then(|file| file.take(FILE_MAX).read_to_end(&mut text));
        read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Remembers one more. Not durable, and a failure is nobody's trouble: it costs an upload.
    pub(crate) fn remember_source(&self, diff_id: &Digest, reference: &Reference, digest: &Digest, size: u64) {
        let source = Source { domain: reference.domain().to_owned(), path: reference.path().to_owned(), digest: digest.clone(), size };
        let mut all = self.sources(diff_id);
        if all.first() == Some(&source) {
            return;
        }
        all.retain(|old| (&old.domain, &old.path) != (&source.domain, &source.path));
        all.insert(0, source);
        all.truncate(SOURCES_MAX);
        let Ok(text) = serde_json::to_vec(&all) else { return };
        let kept = stead_sys::durable::create_dir_all(&self.root.image_sources(), 0o700)
            .and_then(|()| stead_sys::durable::replace_unflushed(&self.source_path(diff_id), &text, 0o600));
        drop(kept);
    }

    /// Forgets a layer that is gone.
    pub(crate) fn forget_sources(&self, diff_id: &Digest) {
        // What stays is a memory of nothing, some hundred bytes.
        drop(std::fs::remove_file(self.source_path(diff_id)));
    }

    fn source_path(&self, diff_id: &Digest) -> PathBuf {
        self.root.image_sources().join(diff_id.hex())
    }
}
