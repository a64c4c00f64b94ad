//! Images: what they are called, what they say, and how they come and go.
//!
//! - Purpose: references, manifests, configs and tags; pull, push, load, save, import, commit, list, inspect, history, tag, remove.
//! - Door: [`Images`] (one method a verb), [`ImageRecord`], [`Reference`], [`Platform`], [`ImageConfig`], [`Progress`], [`LayerStore`] (the port the layer room is plugged into).
//! - Knows: Docker's and OCI's image formats, the registry protocol, `<root>/images`, its own records.
//! - Must not know: how layers lie on the disk, containers, the terminal, the environment.
//! - If we crash here: unreferenced blobs and layers, and nameless files; an image exists when its record does. [`Images::sweep`] removes the rest.

mod adopt;
mod archive;
mod blob;
mod check;
mod commit;
mod config;
mod error;
mod history;
mod images;
mod import;
mod inspect;
mod layer_store;
mod list;
mod load;
mod manifest;
mod parallel;
mod platform;
mod progress;
mod pull;
mod push;
mod record;
pub mod reference;
pub mod registry;
mod remote;
mod remove;
mod save;
mod search;
mod source;
mod tag;

pub use adopt::{AdoptedImage, LayerSource};
pub use archive::input::Input;
pub use commit::CommitOptions;
pub use config::{ContainerDefaults, Empty, Healthcheck, History, ImageConfig, RootFs};
pub use error::{Conflict, Error, Result};
pub use history::HistoryItem;
pub use images::Images;
pub use import::{ChangeError, ImportOptions};
pub use layer_store::{LayerFault, LayerHold, LayerInfo, LayerStore};
pub use list::Summary;
pub use load::Loaded;
pub use platform::Platform;
pub use progress::{Event, Progress, Silent};
pub use pull::{PullOptions, Pulled};
pub use push::Pushed;
pub use record::{ImageRecord, reindex};
pub use reference::Reference;
pub use registry::{Access, AccessError, Login};
pub use remote::Remote;
pub use remove::{Removed, Running};
pub use save::Format;
pub use search::Found;
