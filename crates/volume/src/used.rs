//! `used.json` beside `_data`: when the volume was last used, and by whom. Written unflushed at the start and at the end of a container, because a start
//! must not wait for the disk: after a power cut it may be a little old, or not there.

use std::io::Read;

use serde::{Deserialize, Serialize};
use stead_base::time::Time;
use stead_sys::durable;

use crate::Volumes;

/// Above what the file can sensibly take.
const LENGTH_MAX: u64 = 64 << 10;

/// The last use of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When it began or ended.
    pub at: Time,
    /// The container's name.
    pub by: String,
}

impl Volumes {
    /// Remembers a use. Best effort: it is for people.
    pub fn note_use(&self, name: &str, last: &LastUse) {
        if let Ok(bytes) = serde_json::to_vec(last) {
            durable::replace_unflushed(&self.home(name).join("used.json"), &bytes, 0o600).ok();
        }
    }

    /// When it was last used, where that is known.
    #[must_use]
    pub fn last_use(&self, name: &str) -> Option<LastUse> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.home(name).join("used.json")).ok()?.take(LENGTH_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
