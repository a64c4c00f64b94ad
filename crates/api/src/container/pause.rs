//! `POST /containers/{id}/pause`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    ask.engine().container_pause(ask.param("id"))?;
    Ok(Reply::empty(204))
}
