//! What a migration says, at its end and on its way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// What was, or would be, done with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It would be taken over.
    Adopt,
    /// It was taken over.
    Adopted,
    /// It is here already, and was left alone.
    Exists,
    /// It is not for us.
    Skipped,
    /// It could not be taken over.
    Failed,
}

impl Action {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Adopted => "adopted",
            Self::Exists => "exists",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One thing of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item {
    /// `volume`, `image` or `container`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Bytes, where they are known.
    pub size: Option<u64>,
    /// What was done.
    pub action: Action,
    /// Why, or what is different now.
    pub note: String,
}

/// All that was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// In the order of doing: volumes, images, containers.
    pub items: Vec<Item>,
    /// Sentences about the source as a whole.
    pub remarks: Vec<String>,
    /// Who works on the source now.
    pub users: Vec<String>,
}

impl Report {
    /// How many things of a kind came to this.
    #[must_use]
    pub fn count(&self, kind: &str, action: Action) -> usize {
        self.items.iter().filter(|item| (kind.is_empty() || item.kind == kind) && item.action == action).count()
    }
}

/// How far it is, for whoever waits: read by one thread while another works.
#[derive(Debug, Default)]
pub struct Watch {
    /// Bytes of the present thing that are done.
    pub done: Arc<AtomicU64>,
    total: AtomicU64,
    what: Mutex<String>,
}

impl Watch {
    /// What is being done, the bytes of it that are done, and how many there are (0: nobody knows). Empty before and after.
    #[must_use]
    pub fn look(&self) -> (String, u64, u64) {
        let what = self.what.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (what, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(super) fn begin(&self, kind: &str, name: &str, total: u64) {
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = format!("{kind} {name}");
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.what.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
