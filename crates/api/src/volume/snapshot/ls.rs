//! `GET /stead/volumes/{name}/snapshots`.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::volume) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &json!({ "Snapshots": ask.engine().volume_snapshot_list(ask.param("name"))? })))
}
