//! `POST /stead/volumes/{name}/rollback`: answers the snapshot of what was there before.

use serde::Deserialize;
use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    snapshot: String,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let before = ask.engine().volume_rollback(ask.param("name"), &body.snapshot)?;
    Ok(Reply::json(200, &json!({ "Before": before })))
}
