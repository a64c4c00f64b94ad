//! `events`: what happened, from the journal, and what happens, as it comes.

mod filter;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use serde::Serialize;
use stead_base::filter::Filters;
use stead_base::time::Time;
use stead_event::{Event, Follower, Reader};

use crate::{Engine, Failure, Result};

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Also those before now, from this moment on.
    pub since: Option<Time>,
    /// None after this moment. When it is past, nothing is waited for; when nothing else is said, everything before it is wanted.
    pub until: Option<Time>,
    /// Docker's: type, event, container, image, volume, network, daemon, plugin, scope, label. Others match nothing that is here and are ignored.
    pub filters: Filters,
}

/// One event in the JSON of Docker's `GET /events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The action again, for containers and images: what clients of old read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// The actor's id again, for containers and images.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// A container's image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// `container`, `image`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// `create`, `die`, …
    #[serde(rename = "Action")]
    pub action: String,
    /// Whom it happened to.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    /// Always `local`.
    pub scope: &'static str,
    /// Seconds since the epoch.
    pub time: i64,
    /// Nanoseconds since the epoch.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

/// Whom an event happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// Id, or the name of a volume.
    #[serde(rename = "ID")]
    pub id: String,
    /// Labels, name and what belongs to the action.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// What a stream brings next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// An event.
    Event(Message),
    /// None within the time that was waited, or the wait was interrupted.
    Quiet,
    /// There will be no more.
    End,
}

/// Events that are being read.
#[derive(Debug)]
pub struct EventStream {
    source: Source,
    query: EventQuery,
}

#[derive(Debug)]
enum Source {
    Past(Reader),
    Live(Follower),
}

impl Engine {
    /// Begins to read events. Those that happen after this call are missed by no query that reaches beyond now.
    ///
    /// # Errors
    /// `since` lies after `until`; the journal cannot be read.
    pub fn system_events(&self, query: EventQuery) -> Result<EventStream> {
        if let (Some(since), Some(until)) = (query.since, query.until)
            && since > until
        {
            let text = format!("`since` time ({}) cannot be after `until` time ({})", stamp(since), stamp(until));
            return Err(Failure::invalid(text));
        }
        let source = if query.until.is_some_and(|until| until <= Time::now()) {
            Source::Past(stead_event::read(&self.root, query.since, query.until))
        } else if query.since.is_none() && query.until.is_none() {
            Source::Live(Follower::from_now(&self.root)?)
        } else {
            Source::Live(Follower::from_start(&self.root)?)
        };
        Ok(EventStream { source, query })
    }
}

/// Unix seconds with nanoseconds, the form in which clients send times.
fn stamp(time: Time) -> String {
    let fraction = time.nanos().rem_euclid(1_000_000_000);
    if fraction == 0 { time.seconds().to_string() } else { format!("{}.{fraction:09}", time.seconds()) }
}

impl EventStream {
    /// The next wanted event; waits for one at most for `wait`, or until `interrupt` hangs up.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn next(&mut self, wait: Duration, interrupt: Option<BorrowedFd<'_>>) -> Result<Next> {
        let deadline = Time::from_nanos(Time::now().nanos() + i128::try_from(wait.as_nanos()).unwrap_or(i128::MAX / 2));
        loop {
            let event = match &mut self.source {
                Source::Past(reader) => match reader.next() {
                    Some(event) => event?,
                    None => return Ok(Next::End),
                },
                Source::Live(follower) => {
                    let end = self.query.until.map_or(deadline, |until| until.min(deadline));
                    match follower.next(left(end), interrupt)? {
                        Some(event) => event,
                        None if self.query.until.is_some_and(|until| until <= Time::now()) => return Ok(Next::End),
                        None => return Ok(Next::Quiet),
                    }
                }
            };
            if self.wants(&event) {
                return Ok(Next::Event(message(event)));
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        self.query.since.is_none_or(|since| event.time >= since)
            && self.query.until.is_none_or(|until| event.time <= until)
            && filter::includes(&self.query.filters, event)
    }
}

fn left(end: Time) -> Duration {
    Duration::from_nanos(u64::try_from(end.since(Time::now()).max(0)).unwrap_or(u64::MAX))
}

fn message(event: Event) -> Message {
    let legacy = matches!(event.kind.as_str(), "container" | "image");
    let image = event.attributes.get("image").filter(|_| event.kind == "container");
    Message {
        status: if legacy { event.action.clone() } else { String::new() },
        id: if legacy { event.id.clone() } else { String::new() },
        from: image.cloned().unwrap_or_default(),
        kind: event.kind,
        action: event.action,
        actor: Actor { id: event.id, attributes: event.attributes },
        scope: "local",
        time: event.time.seconds(),
        time_nano: i64::try_from(event.time.nanos()).unwrap_or(i64::MAX),
    }
}
