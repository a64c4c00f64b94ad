//! `POST /stead/volumes/{name}/import`: an archive becomes the content of a volume.

use std::sync::Arc;

use serde_json::json;
use stead_engine::Failure;
use stead_engine::volume::Onto;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let onto = match (ask.query().flag("merge"), ask.query().flag("replace")) {
        (true, true) => return Err(Failure::invalid("conflicting parameters: merge and replace")),
        (true, false) => Onto::Merge,
        (false, true) => Onto::Replace,
        (false, false) => Onto::Empty,
    };
    let (engine, name) = (Arc::clone(ask.engine()), ask.param("name").to_owned());
    let report = engine.volume_import(&name, onto, ask.body().be_quick())?;
    Ok(Reply::json(200, &json!({ "Volume": report.volume, "Members": report.members, "Bytes": report.bytes, "Replaced": report.replaced })))
}
