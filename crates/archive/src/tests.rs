//! The room as a whole, on real file systems and as root.
#![expect(clippy::disallowed_methods, reason = "scenery made and taken down by a test needs no durability")]

mod client;
mod durable;
mod hostile;
mod roundtrip;
