//! `GET /stead/system/pool`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::system) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().system_pool_inspect()?))
}
