//! How far a long job is: a bar or a count on standard error, once it takes longer than a moment and a person may be reading.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// A job that ends before this needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Works in this thread; another one draws `what` and how much of `total` bytes (0: nobody knows) `done` counts.
pub(crate) fn drawing<T>(what: &str, total: u64, done: &AtomicU64, work: impl FnOnce() -> T) -> T {
    if !output::can_draw() {
        return work();
    }
    std::thread::scope(|scope| {
        let (end, ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut wait = PATIENCE;
            let bar = ProgressBar::new(total);
            while ended.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                wait = TICK;
                draw(&bar, what, total, done.load(Ordering::Relaxed));
            }
            bar.finish_and_clear();
        });
        let answer = work();
        drop(end);
        answer
    })
}

fn draw(bar: &ProgressBar, what: &str, total: u64, done: u64) {
    let template = if total > 0 { "{msg} [{bar:40}] {bytes}/{total_bytes}" } else { "{msg} {spinner} {bytes}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what.replace(char::is_control, " "));
    bar.set_position(if total > 0 { done.min(total) } else { done });
    bar.tick();
}

/// A stream whose bytes are counted as they pass.
pub(crate) struct Counted<'c, R> {
    stream: R,
    count: &'c AtomicU64,
}

impl<'c, R: Read> Counted<'c, R> {
    pub(crate) fn new(stream: R, count: &'c AtomicU64) -> Self {
        Self { stream, count }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
