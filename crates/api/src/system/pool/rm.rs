//! `DELETE /stead/system/pool`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::system) fn delete(ask: &mut Ask) -> Answer {
    ask.engine().system_pool_remove()?;
    Ok(Reply::empty(204))
}
