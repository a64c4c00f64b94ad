//! `GET /volumes/{name}` and `GET /stead/volumes/{name}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().volume_inspect(ask.param("name"))?.without_status()))
}

/// The same with all that Docker has no field for, under `Status`.
pub(super) fn get_whole(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().volume_inspect(ask.param("name"))?))
}
