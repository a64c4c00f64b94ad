//! F-SWAP: a racer that exchanges two names as fast as the kernel allows, and counts, because a racer that never swaps proves nothing
//! (`RENAME_EXCHANGE` answers EXDEV for a directory of an overlay's lower layer).
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The least number of exchanges that makes a race worth believing.
const SWAPS_MIN: u64 = 1000;

/// A running racer.
#[derive(Debug)]
pub struct Swap {
    stop: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Swap {
    /// Starts exchanging `a` and `b`, both of which exist.
    pub fn start(a: &Path, b: &Path) -> Self {
        let (stop, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (a, b, s, n) = (a.to_owned(), b.to_owned(), Arc::clone(&stop), Arc::clone(&swaps));
        let thread = std::thread::spawn(move || {
            while !s.load(Ordering::Relaxed) {
                if renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).is_ok() {
                    n.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { stop, swaps, thread: Some(thread) }
    }

    /// Waits until the race is worth believing, for things that end it themselves.
    pub fn warm_up(&self) {
        let began = std::time::Instant::now();
        while self.swaps.load(Ordering::Relaxed) < SWAPS_MIN && began.elapsed().as_secs() < 20 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Stops, and panics when there were too few swaps for the race to mean anything. Answers how many there were.
    pub fn finish(mut self) -> u64 {
        self.halt();
        let swaps = self.swaps.load(Ordering::Relaxed);
        assert!(swaps >= SWAPS_MIN, "the racer swapped only {swaps} times: the race proves nothing");
        swaps
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        self.halt();
    }
}
