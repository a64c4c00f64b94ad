//! `GET /volumes/{name}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().volume_inspect(ask.param("name"))?))
}
