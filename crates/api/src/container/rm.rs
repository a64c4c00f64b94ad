//! `DELETE /containers/{id}`.

use stead_engine::container::remove::RemoveOptions;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    let options = RemoveOptions { force: ask.query().flag("force"), volumes: ask.query().flag("v") };
    ask.engine().container_remove(ask.param("id"), options)?;
    Ok(Reply::empty(204))
}
