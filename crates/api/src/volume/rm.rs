//! `DELETE /volumes/{name}`, and below `/stead` the same with `now`.

use stead_engine::volume::VolumeRemove;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn delete(ask: &mut Ask) -> Answer {
    remove(ask, false)
}

pub(super) fn delete_now(ask: &mut Ask) -> Answer {
    let now = ask.query().flag("now");
    remove(ask, now)
}

fn remove(ask: &mut Ask, now: bool) -> Answer {
    let how = VolumeRemove { force: ask.query().flag("force"), now };
    ask.engine().volume_remove(ask.param("name"), how)?;
    Ok(Reply::empty(204))
}
