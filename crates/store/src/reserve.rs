//! A file that holds some disk space back, so that on a full disk records can still be read, changed and deleted.

use std::path::Path;

use stead_sys::durable;

/// What is held back: room for the log of some hundred deletions and for SQLite's shared index.
pub(crate) const RESERVE_BYTES: u64 = 1 << 20;
/// Below this much free space the reserve is not refilled, and is given to whoever deletes.
const TIGHT_BYTES: u64 = 4 << 20;

/// Whether the file system that holds `path` is nearly full.
pub(crate) fn tight(path: &Path) -> bool {
    durable::free_bytes(path).is_ok_and(|free| free < TIGHT_BYTES)
}

/// Makes the reserve whole again if there is room. Failure is no error: it is a precaution, not a promise
/// (a file system that can not set blocks aside gives no guarantee about later writes either).
pub(crate) fn refill(reserve: &Path) {
    let full = std::fs::metadata(reserve).is_ok_and(|m| m.len() >= RESERVE_BYTES);
    if !full && reserve.parent().is_some_and(|dir| !tight(dir)) {
        durable::hold_space(reserve, RESERVE_BYTES).ok();
    }
}

/// Gives the space back. Whether there was any.
pub(crate) fn release(reserve: &Path) -> bool {
    durable::release_space(reserve).unwrap_or(false)
}
