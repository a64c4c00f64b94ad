//! `GET /containers/{id}/changes`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let changes = ask.engine().container_diff(ask.param("id"))?;
    // Docker writes no changes as null.
    Ok(Reply::json(200, &(!changes.is_empty()).then_some(changes)))
}
