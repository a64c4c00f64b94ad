//! The `mount` room: from what a user asked for to what the kernel is asked.
//!
//! Purpose: the grammar of mounts, the rules that merge them, and the one place that applies them, by file descriptor.
//! Door: [`MountRequest`], [`MountPoint`], [`Mount`]; `parse`, `validate`, `plan`, `lower`; `prepare`/`attach`; `ledger`, `activate`.
//! Knows: Docker's mount surface, mount namespaces, the activation ledger under the run root.
//! Must not know: containers, volumes' records, images, the store, the terminal.
//! If we crash here: the ledger names every mount made on the host before it is made, so the next command can undo it.

mod access;
pub mod activate;
mod apply;
mod extra;
mod gotext;
mod guard;
pub mod ledger;
pub mod local;
mod lower;
pub mod names;
pub mod parse;
pub mod plan;
mod point;
mod probe;
mod request;
mod spec;
mod validate;
mod value;
pub mod view;

pub use access::Access;
pub use apply::{ApplyError, Prepared, Who, attach, attach_own, prepare, prepare_as, seal_rootfs};
pub use extra::{Extras, IdMapping, IdRange, MATCH_USER, OverlayOptions};
pub use guard::Forbidden;
pub use lower::{LowerError, lower, lower_all, lower_tmpfs};
pub use point::{DEFAULT_VOLUME_DRIVER, MountPoint, Origin, Propagation};
pub use probe::HostProbe;
pub use request::{BindOptions, ClusterOptions, DriverConfig, ImageOptions, MountRequest, MountType, TmpfsOptions, VolumeOptions};
pub use spec::{ConfigError, Fault, SpecError};
pub use stead_sys::owner::Owner;
pub use validate::{Found, Probe, validate};
pub use value::{Atime, Attr, FilesystemSpec, Mount, Over, Relabel, Ro, Source, TmpfsSpec, depth};
