//! Image layers on disk.
//!
//! - Purpose: turn a layer's tar stream into a directory that overlayfs can use as a lower, and back into the same bytes.
//! - Door: [`Layers`] (open, hold, unpack, assemble, remove, recover), [`writable`] (a container's own layer), [`lower_dirs`], [`rootfs_mount`], [`Error`].
//! - Knows: tar, gzip, zstd, whiteouts, the recipe that rebuilds a tar byte for byte, the layout of `<root>/layers`.
//! - Must not know: image names, manifests, registries, containers, records.
//! - If we crash here: a directory is left in `layers/.staging` or `layers/.trash`; [`Layers::recover`] removes it. A layer is there whole or not at all.

mod assemble;
mod attributes;
pub mod changes;
mod codec;
mod description;
mod error;
mod layers;
mod name;
mod pipe;
mod recipe;
mod staging;
mod tree;
mod unpack;
pub mod writable;

pub use error::{Error, Result};
pub use layers::{Hold, Layer, Layers, lower_dirs, rootfs_mount};
