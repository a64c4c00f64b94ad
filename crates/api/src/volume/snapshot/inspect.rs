//! `GET /stead/volumes/{name}/snapshots/{snapshot}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::volume) fn get(ask: &mut Ask) -> Answer {
    Ok(Reply::json(200, &ask.engine().volume_snapshot_inspect(ask.param("name"), ask.param("snapshot"))?))
}
