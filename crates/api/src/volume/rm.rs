//! `DELETE /volumes/{name}`.

use stead_engine::volume::VolumeRemove;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    let how = VolumeRemove { force: ask.query().flag("force"), now: false };
    ask.engine().volume_remove(ask.param("name"), how)?;
    Ok(Reply::empty(204))
}
