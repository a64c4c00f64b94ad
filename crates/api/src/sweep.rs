//! What removals moved to the trash is deleted after their answer, by one sweep at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stead_engine::Engine;

static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Sweeps if there is something to sweep and nobody is at it. One that fails is made up for by the next or by `system check --repair`.
pub(crate) fn sweep(engine: &Arc<Engine>) {
    while engine.has_trash() {
        if AT_WORK.swap(true, Ordering::SeqCst) {
            return;
        }
        let swept = engine.sweep();
        AT_WORK.store(false, Ordering::SeqCst);
        if swept.is_err() {
            return;
        }
    }
}
