//! Images: what they are called, what they say, and how they come and go.
//!
//! - Purpose: references, manifests, configs and tags; pull, load, save, import, list, inspect, tag, remove.
//! - Door: [`Images`], [`Reference`], [`Platform`], [`ImageConfig`], [`Progress`], [`LayerStore`] (the port the layer room is plugged into).
//! - Knows: Docker's and OCI's image formats, the registry protocol, `<root>/images`, its own records.
//! - Must not know: how layers lie on the disk, containers, the terminal, the environment.
//! - If we crash here: unreferenced blobs and layers, and files in `images/.staging`; an image exists when its record does. `Images::recover` removes the rest.

mod config;
mod layer_store;
mod platform;
mod progress;
pub mod reference;

pub use config::{ContainerDefaults, Empty, Healthcheck, History, ImageConfig, RootFs};
pub use layer_store::{LayerFault, LayerHold, LayerInfo, LayerStore};
pub use platform::Platform;
pub use progress::{Event, Progress, Silent};
pub use reference::Reference;
