//! `GET /events`: what happened and what happens, one JSON object a line, until the client leaves.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use stead_base::time::{Time, parse_unix};
use stead_engine::Failure;
use stead_engine::system::events::{EventQuery, EventStream, Next};

use crate::ask::Ask;
use crate::hijack::Peer;
use crate::reply::Reply;
use crate::route::Answer;

/// A stream wakes at least this often; nothing depends on it, because the client's leaving wakes it too.
const WAIT: Duration = Duration::from_secs(60);

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = EventQuery { since: moment(ask, "since")?, until: moment(ask, "until")?, filters: ask.query().filters()? };
    let stream = ask.engine().system_events(query)?;
    let peer = ask.peer().clone();
    Ok(Reply::stream(200, "application/json", Vec::new(), move |out| pump(stream, &peer, out)))
}

/// Unix seconds with a fraction, as clients send them. An empty one was not given.
fn moment(ask: &Ask, name: &str) -> Result<Option<Time>, Failure> {
    match ask.query().filled(name) {
        None => Ok(None),
        Some(text) => parse_unix(text).map(Some).ok_or_else(|| {
            let part = text.split('.').next().filter(|whole| whole.parse::<i64>().is_err()).unwrap_or(text);
            Failure::invalid(format!("strconv.ParseInt: parsing {part:?}: invalid syntax"))
        }),
    }
}

fn pump(mut stream: EventStream, peer: &Peer, out: &mut dyn Write) -> io::Result<()> {
    loop {
        match stream.next(WAIT, Some(peer.as_fd())).map_err(|failure| io::Error::other(failure.message))? {
            Next::Event(message) => {
                let mut line = serde_json::to_vec(&message)?;
                line.push(b'\n');
                out.write_all(&line)?;
            }
            Next::Quiet if peer.has_left() => return Ok(()),
            Next::Quiet => {}
            Next::End => return Ok(()),
        }
    }
}
