//! Progress of long image jobs: bars on a terminal, plain lines otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stead_image::{Event, Progress};

use crate::output;

/// Where the words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// Standard output: the progress is what the command is for.
    Output,
    /// Standard error: what a run's container prints must stay alone on standard output.
    Errors,
    /// Nowhere: `--quiet`.
    Nowhere,
}

/// Shows progress the way the terminal allows.
#[derive(Debug)]
pub(super) struct Shown {
    draws: bool,
    to: To,
    bars: MultiProgress,
    known: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Shown {
    /// Bars on a terminal; otherwise every step that ends is one line, as Docker prints it into a file.
    pub(super) fn new(to: To) -> Self {
        let draws = output::can_draw() && (to == To::Errors || output::is_terminal());
        Self { draws, to, bars: MultiProgress::new(), known: Mutex::new(BTreeMap::new()) }
    }

    /// One line, wherever lines go.
    pub(super) fn line(&self, text: &str) {
        if self.to == To::Errors {
            output::warn(text);
        } else {
            // Nobody reads it any more: the job itself goes on, the next line of output ends the command.
            output::line(text).ok();
        }
    }

    fn draw(&self, event: &Event<'_>) {
        if event.id.is_empty() {
            // A line that cannot be drawn is no reason to stop.
            self.bars.println(event.status).ok();
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = known.entry(event.id.to_owned()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(0));
            bar.set_prefix(event.id.to_owned());
            bar
        });
        bar.set_message(event.status.to_owned());
        if event.total > 0 {
            bar.set_style(style("{prefix}: {msg} [{bar:40}] {bytes}/{total_bytes}"));
            bar.set_length(event.total);
            bar.set_position(event.current);
        } else {
            bar.set_style(style("{prefix}: {msg}"));
            bar.tick();
        }
        if ends(event.status) {
            bar.abandon();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_bad| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn ends(status: &str) -> bool {
    matches!(status, "Pull complete" | "Already exists" | "Loaded" | "Pushed" | "Layer already exists")
        || status.starts_with("Skipped")
        || status.starts_with("Mounted")
}

impl Progress for Shown {
    fn event(&self, event: &Event<'_>) {
        if self.draws {
            self.draw(event);
        } else if event.total == 0 {
            let line = if event.id.is_empty() { event.status.to_owned() } else { format!("{}: {}", event.id, event.status) };
            self.line(&line);
        }
    }
}
