//! The port to whoever keeps the layers. Rooms do not import each other, so the engine plugs the layer room in here.

use std::io::{Read, Write};

use stead_base::{Digest, Kind};

/// What is known of a layer on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Bytes of its files.
    pub size: u64,
    /// Length of the uncompressed tar.
    pub tar_size: u64,
}

/// Why the layer store could not do it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct LayerFault {
    /// The universal kind.
    pub kind: Kind,
    /// The layer room's own error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// While it lives no layer disappears.
pub trait LayerHold: Send + Sync + std::fmt::Debug {}

/// Where layers are kept.
pub trait LayerStore: Send + Sync + std::fmt::Debug {
    /// Keeps every layer where it is until the answer is dropped.
    ///
    /// # Errors
    /// The store's.
    fn hold(&self) -> Result<Box<dyn LayerHold>, LayerFault>;

    /// The layer, when it is here.
    ///
    /// # Errors
    /// The store's.
    fn get(&self, diff_id: &Digest) -> Result<Option<LayerInfo>, LayerFault>;

    /// Unpacks one layer, durable when it returns; refuses bytes that do not have the expected diff id.
    ///
    /// # Errors
    /// The store's.
    fn unpack(&self, stream: &mut (dyn Read + Send), expected: Option<&Digest>) -> Result<LayerInfo, LayerFault>;

    /// Writes the exact tar of a layer.
    ///
    /// # Errors
    /// The store's.
    fn assemble(&self, diff_id: &Digest, out: &mut dyn Write) -> Result<u64, LayerFault>;

    /// Every layer that is here.
    ///
    /// # Errors
    /// The store's.
    fn list(&self) -> Result<Vec<Digest>, LayerFault>;

    /// Removes a layer if `unused` still says so when nobody can begin to use it any more; `false` when it stays for now.
    ///
    /// # Errors
    /// The store's.
    fn remove(&self, diff_id: &Digest, unused: &dyn Fn() -> bool) -> Result<bool, LayerFault>;
}
