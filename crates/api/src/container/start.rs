//! `POST /containers/{id}/start`.

use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// `{}` and `null` with their line end say nothing; Docker lets them be.
const BODY_MAX: u64 = 7;

pub(super) fn post(ask: &mut Ask) -> Answer {
    if let Some(keys) = ask.query().filled("detachKeys") {
        // Only said by old clients; refused where it cannot be meant.
        stead_base::detach::Keys::parse(keys).map_err(Failure::invalid)?;
    }
    if ask.body().announces_more_than(BODY_MAX) {
        return Err(Failure::invalid("starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"));
    }
    if ask.query().filled("checkpoint").is_some() {
        return Err(Failure::invalid("checkpoint is only supported in experimental mode"));
    }
    let id = ask.param("id");
    if ask.engine().container_is_alive(id)? {
        return Ok(Reply::empty(304));
    }
    ask.engine().container_start(id)?;
    Ok(Reply::empty(204))
}
