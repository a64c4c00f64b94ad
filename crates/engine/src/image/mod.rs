//! Images: one verb a file.

pub mod access;
mod events;
mod history;
mod port;
pub mod pull;
mod push;
mod search;
mod verbs;

pub(crate) use port::LayerPort;
