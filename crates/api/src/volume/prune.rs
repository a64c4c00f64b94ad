//! `POST /volumes/prune`.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    // Clients before 1.42 know no other prune than that of all unused volumes.
    let all = ask.version() < Version(1, 42);
    let pruned = ask.engine().volume_prune(&ask.query().filters()?, all, false)?;
    Ok(Reply::json(200, &json!({ "VolumesDeleted": pruned.deleted, "SpaceReclaimed": pruned.reclaimed })))
}
