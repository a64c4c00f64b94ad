//! Volumes: directories that outlive containers.
//!
//! Purpose: create, find, fill, mount, remove and repair volumes so that what was acknowledged is never lost.
//! Door: [`Volumes`], [`Volume`], [`CreateRequest`], [`Adopt`], [`Populate`], [`Error`], [`driver`].
//! Knows: the layout of a volume's directory, its sidecar, drivers, the trash, who refers to a volume.
//! Must not know: containers' records, images, the terminal, HTTP.
//! If we crash here: a volume exists whole or not at all, is populated whole or not at all; [`Volumes::repair`] and the next command finish the rest.

mod adopt;
mod area;
mod clone;
mod create;
pub mod driver;
mod error;
mod fill;
mod held;
mod import;
mod io;
mod limit;
mod place;
pub mod pool;
mod populate;
mod record;
mod recover;
mod remove;
mod removed;
mod rename;
mod resize;
mod rollback;
pub mod schedule;
mod sidecar;
mod size;
pub mod snapshot;
mod space;
mod staging;
mod trash;
mod undelete;
mod update;
mod used;
mod volumes;

pub use adopt::{Adopt, Adopted, free_bytes};
pub use clone::CloneRequest;
pub use create::{CreateRequest, Created};
pub use error::{Error, Result};
pub use fill::{Room, copy_into, open_directory};
pub use held::Held;
pub use import::{Aside, Imported, Importing};
pub use place::POOL_KEY;
pub use populate::{Populate, Populated, When};
pub use record::{ANONYMOUS_LABEL, Extend, ImageFs, IoLimit, LOCAL, LastHolder, Limits, Place, Quota, State, Volume};
pub use recover::Finding;
pub use remove::{Removal, Removed};
pub use removed::Kept;
pub use resize::Space;
pub use size::{ROLE as MEASURE_ROLE, Size};
pub use snapshot::{Damage, DiffRequest, Difference, Group, Happened, Method, Pending, Scrubbed, Snapshot, SnapshotRequest, Why};
pub use space::Pressure;
pub use undelete::Undeleted;
pub use update::Update;
pub use used::LastUse;
pub use volumes::Volumes;

#[cfg(test)]
mod tests;
