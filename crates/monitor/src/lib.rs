//! The `monitor` room.
