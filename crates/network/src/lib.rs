//! The `network` room.
