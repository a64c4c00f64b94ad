//! The `mount` room: from what a user asked for to what the kernel is asked.
//!
//! Purpose: the grammar of mounts, the rules that merge them, and the one place that applies them, by file descriptor.
//! Door: [`MountRequest`], [`MountPoint`], [`Mount`]; `parse`, `validate`, `plan`, `lower`; `prepare`/`attach`; `ledger`, `activate`.
//! Knows: Docker's mount surface, mount namespaces, the activation ledger under the run root.
//! Must not know: containers, volumes' records, images, the store, the terminal.
//! If we crash here: the ledger names every mount made on the host before it is made, so the next command can undo it.

mod gotext;
pub mod local;
pub mod names;
pub mod parse;
mod point;
mod request;
mod spec;
mod validate;
mod value;

pub use point::{DEFAULT_VOLUME_DRIVER, MountPoint, Origin, Propagation};
pub use request::{BindOptions, ClusterOptions, DriverConfig, ImageOptions, MountRequest, MountType, TmpfsOptions, VolumeOptions};
pub use spec::{ConfigError, Fault, SpecError};
pub use validate::{Found, Probe, validate};
pub use value::{Atime, Attr, FilesystemSpec, Mount, Ro, Source, TmpfsSpec, depth};
