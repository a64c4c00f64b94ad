//! What a long job tells while it runs, in Docker's words, so that a terminal and the API can show it alike.

use crate::push::Pushed;

/// One line of progress. `id` is a short layer id (a line of its own on a terminal) or empty for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Layer, or tag for the first line of a pull; empty for plain messages.
    pub id: &'a str,
    /// `Pulling fs layer`, `Downloading`, `Pull complete`, `Digest: sha256:…`
    pub status: &'a str,
    /// Bytes done; meaningful when `total` is not 0.
    pub current: u64,
    /// Bytes in all, 0 when unknown.
    pub total: u64,
}

/// Whoever wants to know. Called from several threads.
pub trait Progress: Sync {
    /// One thing happened.
    fn event(&self, event: &Event<'_>);

    /// A tag arrived at its registry.
    fn pushed(&self, _pushed: &Pushed) {}

    /// Whether nobody waits for the job any more: it ends at its next step.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: &Event<'_>) {}
}

/// Sends a line without numbers.
pub(crate) fn say(progress: &dyn Progress, id: &str, status: &str) {
    progress.event(&Event { id, status, current: 0, total: 0 });
}
