//! `POST /containers/prune`.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let pruned = ask.engine().container_prune(&ask.query().filters()?)?;
    // Docker writes none as null.
    let deleted = (!pruned.deleted.is_empty()).then_some(pruned.deleted);
    Ok(Reply::json(200, &json!({ "ContainersDeleted": deleted, "SpaceReclaimed": pruned.reclaimed })))
}
