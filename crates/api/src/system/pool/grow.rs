//! `POST /stead/system/pool/grow`.

use super::Body;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::system) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    Ok(Reply::json(200, &ask.engine().system_pool_grow(body.size)?))
}
