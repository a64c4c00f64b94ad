//! Records that survive a crash.
//!
//! Purpose: one transactional file (SQLite, WAL, synchronous=FULL) of small, checksummed, versioned records and of who refers to whom.
//! Door: [`Store`] (`read`, `publish`), [`Tx`], the trait [`Record`], [`Ref`], [`BadRecord`], [`Error`].
//! Knows: SQLite, the disk's last reserve, how to put a damaged file aside.
//! Must not know: what a volume, a container or an image is.
//! If we crash here: the transaction happened whole or not at all; the next opener replays the log by itself.

use serde::Serialize;
use serde::de::DeserializeOwned;

mod checksum;
pub mod config;
mod damage;
mod error;
mod marker;
mod open;
mod reserve;
mod salvage;
mod schema;
mod tx;

pub use damage::{Rebuilt, finish_rebuild, rebuild};
pub use error::{BadRecord, Error, Result};
pub use marker::{identity, is_ours};
pub use open::Store;
pub use salvage::Salvaged;
pub use tx::Tx;

/// A thing that lives in the store. `body` of its row is its JSON.
///
/// A stored field never changes its meaning; formats only grow (new fields with `#[serde(default)]`).
pub trait Record: Serialize + DeserializeOwned {
    /// The kind of thing, e.g. `volume`. Part of the key.
    const KIND: &'static str;
    /// Raised when an older program could no longer make sense of the body.
    const VERSION: u32;

    /// The key within the kind.
    fn id(&self) -> &str;

    /// A second, unique key within the kind, if it has one.
    fn name(&self) -> Option<&str>;

    /// What this record uses; it is what makes other things "in use".
    fn refs(&self) -> Vec<Ref> {
        Vec::new()
    }

    /// Brings the body of an older version to today's; `None` when that is not possible. The default trusts `#[serde(default)]`.
    #[must_use]
    fn upgrade(version: u32, body: serde_json::Value) -> Option<serde_json::Value> {
        (version <= Self::VERSION).then_some(body)
    }
}

/// One use of another record. The other record need not exist in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ref {
    /// The kind of what is used.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

/// A new id for a record: 64 random hexadecimal digits, whose first twelve are not all decimal.
///
/// # Errors
/// The kernel gives no random bytes.
pub fn new_id() -> stead_sys::Result<String> {
    Ok(stead_base::ids::random_hex64(stead_sys::durable::random_bytes()?))
}

#[cfg(test)]
mod tests;
