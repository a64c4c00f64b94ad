//! loopdev
