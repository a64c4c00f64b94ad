//! `POST /containers/{id}/rename?name=`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    ask.engine().container_rename(ask.param("id"), ask.query().get("name").unwrap_or_default())?;
    Ok(Reply::empty(204))
}
