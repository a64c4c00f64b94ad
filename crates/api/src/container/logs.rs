//! `GET /containers/{id}/logs`.

use std::io;

use stead_base::time::{Time, parse_moment};
use stead_engine::Failure;
use stead_engine::session::{LogQuery, log};

use crate::ask::Ask;
use crate::frames::{Frames, content_type};
use crate::query::Query;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
    // The container first, as in Docker.
    ask.engine().container_resolve(ask.param("id"))?;
    if !stdout && !stderr {
        return Err(Failure::invalid("Bad parameters: you must choose at least one stream"));
    }
    let (since, until) = (moment(query, "since")?, moment(query, "until")?);
    let tail = query.get("tail").and_then(|text| text.parse::<usize>().ok());
    let (follow, stamps, details) = (query.flag("follow"), query.flag("timestamps"), query.flag("details"));
    let source = ask.engine().container_logs(ask.param("id"))?;
    let monitor = if follow && source.running { ask.engine().container_client(&source.id).ok() } else { None };
    let live = monitor.is_some();
    let reader = if live { ask.peer().descriptor().ok() } else { None };
    let wanted = LogQuery { stdout, stderr, tail, since, until, follow: monitor, reader, ..LogQuery::default() };
    let entries = log::read(&source.dir, &source.id, wanted).map_err(|error| Failure::new(error.kind(), error.to_string()))?;
    Ok(Reply::stream(200, content_type(ask.version(), source.tty), Vec::new(), move |out| {
        let mut frames = Frames::new(out, source.tty);
        for entry in entries {
            let entry = entry.map_err(io::Error::other)?;
            let mut line = Vec::with_capacity(entry.text.len() + 40);
            if stamps {
                line.extend_from_slice(entry.stamp().as_bytes());
                line.push(b' ');
            }
            if details {
                let words: Vec<String> = entry.attrs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                line.extend_from_slice(words.join(",").as_bytes());
                line.push(b' ');
            }
            line.extend_from_slice(entry.text.as_bytes());
            frames.push(entry.stream, &line)?;
            if live {
                frames.flush()?;
            }
        }
        frames.flush()
    }))
}

/// Seconds since the epoch with a fraction, or a date; nothing and `0` are no limit.
fn moment(query: &Query, name: &str) -> Result<Option<Time>, Failure> {
    match query.filled(name) {
        None | Some("0") => Ok(None),
        Some(text) => parse_moment(text, Time::now())
            .map(Some)
            .ok_or_else(|| Failure::invalid(format!("invalid value for \"{name}\": failed to parse {text:?} as a timestamp"))),
    }
}
