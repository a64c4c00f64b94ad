//! `POST /containers/{id}/stop`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let (id, query) = (ask.param("id"), ask.query());
    let timeout = query.int("t")?;
    let signal = if ask.version() >= Version(1, 42) { query.filled("signal") } else { None };
    if !ask.engine().container_is_alive(id)? {
        return Ok(Reply::empty(304));
    }
    ask.engine().container_stop(id, signal, timeout)?;
    Ok(Reply::empty(204))
}
