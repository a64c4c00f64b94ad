//! Volumes: one verb a file.

mod create;
mod inspect;
pub mod list;
pub mod prune;
mod remove;
pub mod view;

pub use prune::{Candidate, Pruned};
pub use stead_volume::CreateRequest;
pub use view::VolumeView;
