//! Volumes: one verb a file.

mod clone;
mod create;
mod held;
mod inspect;
pub mod list;
mod protect;
pub mod prune;
mod remove;
mod rename;
mod rollback;
pub mod snapshot;
pub mod trash;
mod undelete;
mod unprotect;
mod update;
pub mod view;

pub use prune::{Candidate, Pruned};
pub use remove::VolumeRemove;
pub use stead_mount::Access;
pub use stead_volume::{CloneRequest, CreateRequest};
pub use undelete::Undeleted;
pub use view::VolumeView;
