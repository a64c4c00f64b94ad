//! `POST /exec/{id}/start`: the session's streams over the connection, or nobody's.

use std::sync::Arc;

use serde::Deserialize;
use stead_base::detach::Keys;
use stead_engine::exec::ExecStart;

use super::pump;
use crate::ask::Ask;
use crate::frames::content_type;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    detach: bool,
    tty: bool,
    console_size: Option<[u16; 2]>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let sized = body.tty && ask.version() >= Version(1, 42);
    let console_size = body.console_size.filter(|size| sized && *size != [0, 0]).map(|[rows, columns]| (rows, columns));
    let engine = Arc::clone(ask.engine());
    let started = engine.exec_begin(ask.param("id"), ExecStart { detach: body.detach, console_size })?;
    if body.detach {
        engine.exec_launch(&started)?;
        return Ok(Reply::empty(200));
    }
    // How the stream comes is the starter's to say, whatever the session has.
    let raw = body.tty;
    let content_type = content_type(ask.version(), raw);
    // The keys were checked when the session was made.
    let keys = if started.asked.tty { Keys::parse(&started.asked.detach_keys).ok() } else { None };
    Ok(Reply::hijack(content_type, move |connection| {
        let launched = engine.exec_launch(&started);
        pump::run(launched, &started.asked, keys, connection, raw);
    }))
}
