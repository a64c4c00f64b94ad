//! `POST /containers/{id}/kill`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    ask.engine().container_kill(ask.param("id"), ask.query().filled("signal"))?;
    Ok(Reply::empty(204))
}
