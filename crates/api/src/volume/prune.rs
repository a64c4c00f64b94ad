//! `POST /volumes/prune`, and below `/stead` the same with `all` and `now`.

use serde_json::json;
use stead_engine::volume::VolumePrune;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    // Clients before 1.42 know no other prune than that of all unused volumes.
    let all = ask.version() < Version(1, 42);
    prune(ask, VolumePrune { all, now: false })
}

pub(super) fn post_now(ask: &mut Ask) -> Answer {
    let how = VolumePrune { all: ask.query().flag("all"), now: ask.query().flag("now") };
    prune(ask, how)
}

fn prune(ask: &mut Ask, how: VolumePrune) -> Answer {
    let pruned = ask.engine().volume_prune(&ask.query().filters()?, how)?;
    Ok(Reply::json(200, &json!({ "VolumesDeleted": pruned.deleted, "SpaceReclaimed": pruned.reclaimed })))
}
