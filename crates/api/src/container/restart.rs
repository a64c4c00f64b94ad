//! `POST /containers/{id}/restart`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let timeout = query.int("t")?;
    let signal = if ask.version() >= Version(1, 42) { query.filled("signal") } else { None };
    ask.engine().container_restart(ask.param("id"), signal, timeout)?;
    Ok(Reply::empty(204))
}
