//! A directory for one test of this room, deleted with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below `/var/tmp`, which is a disk and not a tmpfs.
#[derive(Debug)]
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let path = PathBuf::from(format!("/var/tmp/stead-event-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let (parent, name) = (self.0.parent().unwrap(), self.0.file_name().unwrap());
        if let Ok(dir) = std::fs::File::open(parent) {
            stead_sys::tree::remove_tree(&dir, name).unwrap();
        }
    }
}
