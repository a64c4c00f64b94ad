//! `POST /containers/{id}/start`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    if let Some(keys) = ask.query().filled("detachKeys") {
        // Only said by old clients; refused where it cannot be meant.
        stead_base::detach::Keys::parse(keys).map_err(stead_engine::Failure::invalid)?;
    }
    let id = ask.param("id");
    if ask.engine().container_is_alive(id)? {
        return Ok(Reply::empty(304));
    }
    ask.engine().container_start(id)?;
    Ok(Reply::empty(204))
}
