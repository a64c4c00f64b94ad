//! `POST /stead/system/pool`.

use super::Body;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::system) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    Ok(Reply::json(201, &ask.engine().system_pool_create(body.size, body.device.as_deref(), body.force)?))
}
