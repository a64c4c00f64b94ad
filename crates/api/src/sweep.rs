//! What removals moved to the trash is deleted after their answer, by one sweep at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stead_engine::Engine;

/// Something was removed since the last sweep began.
static PENDING: AtomicBool = AtomicBool::new(false);
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Sweeps after a removal, unless somebody is at it: who is does it once more. One that fails is made up for by the next or by
/// `system check --repair`; what another process deletes just now is left to it, however long that takes.
pub(crate) fn sweep(engine: &Arc<Engine>) {
    PENDING.store(true, Ordering::SeqCst);
    while PENDING.load(Ordering::SeqCst) {
        let Some(_turn) = Turn::take() else { return };
        PENDING.store(false, Ordering::SeqCst);
        if engine.has_trash() && engine.sweep().is_err() {
            return;
        }
    }
}

/// Held by the one that sweeps; given back however it ends.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        (!AT_WORK.swap(true, Ordering::SeqCst)).then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        AT_WORK.store(false, Ordering::SeqCst);
    }
}
