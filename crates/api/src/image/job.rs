//! Long jobs of images: they run on a thread of their own, tell how they go as lines of JSON, and fail as an ordinary error while nothing
//! has been told yet.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::{Map, Value, json};
use stead_base::{Kind, size};
use stead_engine::Failure;
use stead_engine::image::{Event, Progress, Pushed};

use crate::ask::Ask;
use crate::reply::{Headers, Reply};
use crate::route::Answer;

/// Told lines that wait for a slow client; then the job waits too.
const WAITING_MAX: usize = 64;
/// How often a silent job looks whether its client is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Columns of Docker's bar.
const BAR: u64 = 50;

enum Message {
    Bytes(Vec<u8>),
    End(Option<Failure>),
}

/// What a job writes to and tells.
pub(crate) struct Teller {
    sender: SyncSender<Message>,
    left: AtomicBool,
    with_progress: bool,
}

/// How a job's answer looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Its type.
    pub(crate) content_type: &'static str,
    /// Whether progress is told; lines are told anyway.
    pub(crate) with_progress: bool,
    /// Whether an early failure is an error status, as for all jobs but loading.
    pub(crate) fails_early: bool,
    /// Whether a late failure is a line of JSON; otherwise the answer breaks off.
    pub(crate) fails_in_words: bool,
}

/// Lines of JSON with progress.
pub(crate) const LINES: Shape = Shape { content_type: "application/json", with_progress: true, fails_early: true, fails_in_words: true };

impl Teller {
    /// One line.
    pub(crate) fn line(&self, value: &Value) {
        self.send(line(value));
    }

    fn send(&self, bytes: Vec<u8>) {
        if self.sender.send(Message::Bytes(bytes)).is_err() {
            self.left.store(true, Ordering::Relaxed);
        }
    }
}

impl Progress for Teller {
    fn event(&self, event: &Event<'_>) {
        if self.with_progress {
            self.line(&words(event));
        }
    }

    fn pushed(&self, pushed: &Pushed) {
        self.line(&json!({ "progressDetail": {}, "aux": { "Tag": pushed.tag, "Digest": pushed.digest, "Size": pushed.size } }));
    }

    fn is_cancelled(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

impl Write for &Teller {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes.to_vec());
        if self.is_cancelled() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a job and answers with what it tells.
///
/// # Errors
/// The job's own failure, if it comes before the first word.
pub(crate) fn run(ask: &Ask, shape: Shape, work: impl FnOnce(&Teller) -> Result<(), Failure> + Send + 'static) -> Answer {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let job = move || {
        let teller = Teller { sender, left: AtomicBool::new(false), with_progress: shape.with_progress };
        let failed = work(&teller).err();
        // A client that left does not hear the end.
        drop(teller.sender.send(Message::End(failed)));
    };
    std::thread::Builder::new()
        .name("image-job".to_owned())
        .spawn(job)
        .map_err(|e| Failure::new(Kind::Internal, format!("cannot start a thread: {e}")))?;
    let first = loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(message) => break message,
            Err(RecvTimeoutError::Timeout) if ask.peer().has_left() => return Err(Failure::new(Kind::Unavailable, "context canceled")),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::new(Kind::Internal, "the job ended without a word")),
        }
    };
    match first {
        Message::End(Some(failure)) if shape.fails_early => Err(failure),
        first => Ok(Reply::stream(200, shape.content_type, Headers::new(), move |out| tell(out, first, &receiver, shape))),
    }
}

fn tell(out: &mut dyn Write, first: Message, rest: &Receiver<Message>, shape: Shape) -> io::Result<()> {
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Bytes(bytes) => out.write_all(&bytes)?,
            Message::End(None) => return Ok(()),
            Message::End(Some(failure)) if shape.fails_in_words => return out.write_all(&line(&error(&failure))),
            Message::End(Some(failure)) => return Err(io::Error::other(failure.message)),
        }
        next = rest.recv().ok();
    }
    Err(io::Error::other("the job ended without a word"))
}

/// Docker ends its lines as HTTP does.
fn line(value: &Value) -> Vec<u8> {
    format!("{value}\r\n").into_bytes()
}

fn error(failure: &Failure) -> Value {
    json!({ "errorDetail": { "message": failure.message }, "error": failure.message })
}

/// One event in Docker's words.
fn words(event: &Event<'_>) -> Value {
    let mut line = Map::new();
    line.insert("status".to_owned(), json!(event.status));
    // The first line of a pull has the tag for its id and no progress.
    if !event.id.is_empty() && !event.status.starts_with("Pulling from ") {
        let detail = if event.total > 0 { json!({ "current": event.current, "total": event.total }) } else { json!({}) };
        line.insert("progressDetail".to_owned(), detail);
        if event.total > 0 {
            line.insert("progress".to_owned(), json!(bar(event.current, event.total)));
        }
    }
    if !event.id.is_empty() {
        line.insert("id".to_owned(), json!(event.id));
    }
    Value::Object(line)
}

/// `[==>    ]  1.2MB/3MB`
fn bar(current: u64, total: u64) -> String {
    let done = (current.saturating_mul(BAR) / total.max(1)).min(BAR);
    let drawn = "=".repeat(usize::try_from(done).unwrap_or(0));
    let blank = " ".repeat(usize::try_from(BAR - done).unwrap_or(0));
    format!("[{drawn}>{blank}] {:>8}/{}", size::human(current), size::human(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_dockers_lines() {
        let event = |id, status, current, total| words(&Event { id, status, current, total }).to_string();
        assert_eq!(event("latest", "Pulling from library/redis", 0, 0), r#"{"status":"Pulling from library/redis","id":"latest"}"#);
        assert_eq!(event("ab", "Pulling fs layer", 0, 0), r#"{"status":"Pulling fs layer","progressDetail":{},"id":"ab"}"#);
        assert_eq!(event("", "Digest: sha256:x", 0, 0), r#"{"status":"Digest: sha256:x"}"#);
        let half = event("ab", "Downloading", 1000, 2000);
        assert!(half.contains(r#""progressDetail":{"current":1000,"total":2000}"#), "{half}");
        assert!(half.contains("[=========================>                         ]      1kB/2kB"), "{half}");
        assert_eq!(bar(5, 0).len(), bar(5, 1).len());
    }
}
