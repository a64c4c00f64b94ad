//! The `event` room: what happened, one line each, in a journal below the root.
//!
//! - Purpose: every process that changes something says so, and every process can read it: later, or as it comes.
//! - Door: [`append`], [`read()`], [`Follower`], [`Draft`], [`Event`], [`Flush`].
//! - Knows: the segments of the journal, their lock, how to wait for more without polling.
//! - Must not know: what the events mean, filters, Docker's JSON, any verb.
//! - If we crash here: a line may be torn; the next writer ends it, readers pass over it. Nobody waits for an event to be written for ever.

mod append;
mod event;
mod follow;
mod lines;
mod read;
mod segment;
#[cfg(test)]
mod testdir;
#[cfg(test)]
mod tests;

pub use append::{Flush, append};
pub use event::{Draft, Event};
pub use follow::Follower;
pub use read::{Reader, read};
