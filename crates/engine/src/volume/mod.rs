//! Volumes: one verb a file.

mod adopt;
mod cat;
mod clone;
pub mod copy;
mod create;
mod create_from;
pub mod diff;
pub mod du;
mod export;
pub mod files;
mod held;
pub mod import;
mod inspect;
pub mod list;
mod protect;
pub mod prune;
mod remove;
mod rename;
mod rollback;
pub mod scrub;
pub mod snapshot;
pub mod trash;
mod undelete;
mod unprotect;
mod update;
pub mod view;

pub use copy::VolumePut;
pub use create_from::From as CreateFrom;
pub use import::{ImportReport, Onto};
pub use prune::{Candidate, Pruned, VolumePrune};
pub use remove::VolumeRemove;
pub use stead_archive::Compression;
pub use stead_mount::Access;
pub use stead_volume::{CloneRequest, CreateRequest};
pub use undelete::Undeleted;
pub use view::VolumeView;
