//! `DELETE /volumes/{name}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    ask.engine().volume_remove(ask.param("name"), ask.query().flag("force"))?;
    Ok(Reply::empty(204))
}
