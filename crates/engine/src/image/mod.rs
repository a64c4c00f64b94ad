//! Images: one verb a file.

mod events;
mod port;
mod verbs;

pub(crate) use port::LayerPort;
