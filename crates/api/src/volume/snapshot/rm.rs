//! `DELETE /stead/volumes/{name}/snapshots/{snapshot}`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(in crate::volume) fn delete(ask: &mut Ask) -> Answer {
    ask.engine().volume_snapshot_remove(ask.param("name"), ask.param("snapshot"))?;
    Ok(Reply::empty(204))
}
