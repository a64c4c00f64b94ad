//! Doing the same to several things at once, with a few threads, until the first failure.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Applies `work` to every item with at most `threads` threads; answers in order. The first failure stops what has not begun.
pub(crate) fn each<T: Sync, R: Send, E: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<Vec<(usize, Result<R, E>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    if result.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_a_failure_stops_the_rest() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(each(&items, 4, |n| Ok::<_, ()>(n * 2)).unwrap()[99], 198);
        let count = AtomicUsize::new(0);
        let result = each(&items, 1, |n| {
            count.fetch_add(1, Ordering::Relaxed);
            if *n == 3 { Err("three") } else { Ok(()) }
        });
        assert_eq!((result, count.into_inner()), (Err("three"), 4));
        assert_eq!(each(&[0u8; 0], 4, |_| Ok::<(), ()>(())), Ok(vec![]));
    }
}
