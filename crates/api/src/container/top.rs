//! `GET /containers/{id}/top?ps_args=`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let arguments = ask.query().get("ps_args").unwrap_or_default();
    Ok(Reply::json(200, &ask.engine().container_top(ask.param("id"), arguments)?))
}
