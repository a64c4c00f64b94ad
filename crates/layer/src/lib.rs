//! The `layer` room.
