//! `POST /containers/{id}/attach`: the streams of a container over the connection, from before its start if need be.

use std::sync::Arc;

use stead_base::Kind;
use stead_base::detach::Keys;
use stead_engine::container::meet::{Meeting, Stdio};
use stead_engine::session::{Attach, Attached};
use stead_engine::{Engine, Failure};

use super::follow::Session;
use crate::ask::Ask;
use crate::frames::content_type;
use crate::query::Query;
use crate::reply::Reply;
use crate::route::Answer;

/// What the client wants to see and say.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// What was written before.
    pub(super) logs: bool,
    /// What is written from now on.
    pub(super) stream: bool,
    /// The streams.
    pub(super) streams: Attach,
    /// The keys that detach, where there is a terminal.
    pub(super) keys: Option<Keys>,
}

impl Wanted {
    /// Reads the query.
    ///
    /// # Errors
    /// Keys that do not exist.
    pub(super) fn read(query: &Query, stdio: &Stdio) -> Result<Self, Failure> {
        let keys = query.get("detachKeys").unwrap_or_default();
        let keys = Keys::parse(keys).map_err(|_unknown| Failure::invalid(format!("Invalid detach keys ({keys}) provided")))?;
        let streams = Attach {
            stdin: query.flag("stdin") && stdio.open_stdin,
            stdout: query.flag("stdout"),
            stderr: query.flag("stderr"),
            patient: true,
        };
        let keys = (stdio.tty && streams.stdin).then_some(keys);
        Ok(Self { logs: query.flag("logs"), stream: query.flag("stream"), streams, keys })
    }
}

/// The monitor, with us attached to it, or the prospect of one: before the client is answered, so that it can start the container then.
pub(super) fn meet(engine: &Arc<Engine>, stdio: &Stdio, wanted: &Wanted) -> Result<(Meeting, Attached), Failure> {
    let once = || {
        let mut meeting = engine.container_meet(&stdio.id)?;
        let mut attached = Attached::default();
        if let Meeting::Now(client) = &mut meeting {
            client.attach(wanted.streams)?;
            attached = client.attached()?;
        }
        Ok((meeting, attached))
    };
    // A monitor that goes while we speak to it: the container has ended, and may be started again or be removed.
    for _ in 0..GONE_MAX {
        match once() {
            Err(Failure { kind: Kind::Unavailable, .. }) => {}
            other => return other,
        }
    }
    once()
}

/// So many monitors may go under our hands.
const GONE_MAX: usize = 50;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let engine = Arc::clone(ask.engine());
    let stdio = engine.container_stdio(ask.param("id"))?;
    let wanted = Wanted::read(ask.query(), &stdio)?;
    let (meeting, attached) = meet(&engine, &stdio, &wanted)?;
    let content_type = content_type(ask.version(), stdio.tty);
    Ok(Reply::hijack(content_type, move |connection| {
        let raw = stdio.tty;
        if let Ok(session) = Session::new(engine, stdio, wanted, connection, raw) {
            session.run(meeting, attached);
        }
    }))
}
