//! `GET /exec/{id}/json`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().exec_inspect(ask.param("id"))?))
}
