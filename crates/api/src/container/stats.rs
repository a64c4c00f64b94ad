//! `GET /containers/{id}/stats`: once, or once a second until the client or the container is gone.

use std::time::Duration;

use serde_json::Value;
use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn get(ask: &mut Ask) -> Answer {
    let stream = ask.query().flag_or("stream", true);
    let once = ask.query().flag("one-shot") && ask.version() >= Version(1, 41);
    if stream && once {
        return Err(Failure::invalid("cannot have stream=true and one-shot=true"));
    }
    let engine = ask.engine().clone();
    // By its id from here on: its name may be given to another one.
    let id = engine.container_resolve(ask.param("id"))?;
    let first = engine.container_stats(&id, None)?;
    if !stream {
        // A share of CPU time needs two looks; a container that does not run has none to share.
        let asleep = first.get("memory_stats").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
        if once || asleep {
            return Ok(Reply::json(200, &first));
        }
        std::thread::sleep(PAUSE);
        return Ok(Reply::json(200, &engine.container_stats(&id, Some(&first))?));
    }
    Ok(Reply::stream(200, "application/json", Vec::new(), move |out| {
        let mut last = first;
        loop {
            out.write_all(format!("{last}\n").as_bytes())?;
            out.flush()?;
            std::thread::sleep(PAUSE);
            last = match engine.container_stats(&id, Some(&last)) {
                Ok(next) => next,
                Err(gone) if gone.kind == Kind::NotFound => return Ok(()),
                Err(failure) => return Err(std::io::Error::other(failure)),
            };
        }
    }))
}
