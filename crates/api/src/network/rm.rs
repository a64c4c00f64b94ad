//! `DELETE /networks/{id}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    ask.engine().network_remove(ask.param("id"))?;
    Ok(Reply::empty(204))
}
