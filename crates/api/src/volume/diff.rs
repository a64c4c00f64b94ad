//! `GET /stead/volumes/{name}/changes?from=SNAPSHOT&to=SNAPSHOT`: from the newest snapshot, to the present, where nothing is said.

use serde_json::json;
use stead_engine::volume::diff::DiffRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let asked = |key: &str| ask.query().get(key).filter(|value| !value.is_empty()).map(str::to_owned);
    let request = DiffRequest { volume: ask.param("name").to_owned(), from: asked("from"), to: asked("to") };
    let mut changes = Vec::new();
    ask.engine().volume_diff(&request, &mut |change| {
        changes.push(change);
        Ok(())
    })?;
    Ok(Reply::json(200, &json!({ "Changes": changes })))
}
