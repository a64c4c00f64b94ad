//! A mark in a container's run directory: its volumes are mounted, and nobody has said yet that they are not any more.

use stead_base::layout::RunRoot;
use stead_sys::durable;

/// Leaves the mark. Where it cannot be left, only an event will be missing.
pub fn set(run_root: &RunRoot, id: &str) {
    crate::tolerate(durable::make_dir(&run_root.container(id), 0o711));
    crate::tolerate(durable::replace_unflushed(&run_root.volumes_mounted(id), b"", 0o600));
}

/// Takes it away. True for the one who did.
#[must_use]
pub fn take(run_root: &RunRoot, id: &str) -> bool {
    let taken = rustix::fs::unlink(run_root.volumes_mounted(id)).is_ok();
    // A look into a stopped container has made the directory for the mark alone.
    crate::tolerate(rustix::fs::rmdir(run_root.container(id)));
    taken
}
