//! Images: one verb a file.

mod port;
mod verbs;

pub(crate) use port::LayerPort;
