//! Images: one verb a file.

pub mod access;
mod distribution;
mod events;
mod history;
mod port;
pub mod pull;
mod push;
mod search;
mod verbs;

pub use distribution::Distribution;
pub(crate) use port::LayerPort;
/// What the verbs take and answer, so that a face need not know the room.
pub use stead_image::{
    Event, Format, Found, HistoryItem, ImportOptions, Input, Loaded, Login, Progress, Pushed, Reference, Removed, Silent,
};
