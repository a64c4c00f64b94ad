//! What a snapshot holds, one line an entry: written when it is made or first checked, read by the next snapshot, `diff` and `scrub`.
//!
//! A manifest is the file `manifest` beside the snapshot's `_data`: eight bytes of magic, a header in JSON behind its length, entries in
//! one zstd stream ordered by path (directories before what is in them), and the SHA-256 of everything before it. Every entry carries
//! its length, so that a later version may add fields at its end and an older one passes over them.

mod entry;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use entry::{Entry, Kind, Meta, Stamp, order};
pub(crate) use read::Reader;
pub(crate) use write::Writer;

use serde::{Deserialize, Serialize};

/// Name of the file beside `_data`.
pub(crate) const FILE: &str = "manifest";
/// The first bytes of every manifest.
const MAGIC: &[u8; 8] = b"STEADMF\n";
/// Today's format.
const FORMAT: u32 = 1;
/// A longer entry or header is damage: a path has some thousands of bytes, a symbolic link's target 4096.
const LENGTH_MAX: usize = 1 << 20;

/// SHA-256.
pub(crate) type Digest = [u8; 32];

/// What is true of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Raised when an older program could no longer make sense of it.
    pub(crate) format: u32,
    /// Seconds since the epoch of the flush before the content was read.
    pub(crate) started_s: i64,
    /// The method of the snapshot; for people.
    #[serde(default)]
    pub(crate) method: String,
}

impl Header {
    pub(crate) fn new(started: Stamp, method: &str) -> Self {
        Self { format: FORMAT, started_s: started.0, method: method.to_owned() }
    }
}
