//! `DELETE /containers/{id}`.

use stead_engine::Failure;
use stead_engine::container::remove::RemoveOptions;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    let query = ask.query();
    if query.flag("link") {
        // Legacy links are not made, so there is none to remove.
        let id = ask.param("id");
        ask.engine().container_resolve(id)?;
        return Err(Failure::invalid(format!("Could not get parent for /{}: links are not supported", id.trim_start_matches('/'))));
    }
    let options = RemoveOptions { force: query.flag("force"), volumes: query.flag("v"), now: false };
    ask.engine().container_remove(ask.param("id"), options)?;
    Ok(Reply::empty(204))
}
