//! `POST /stead/volumes/undelete`.

use serde::Deserialize;
use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    /// Name, id, or the beginning of an id.
    volume: String,
    /// Another name; empty for the old one.
    name: String,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let back = ask.engine().volume_undelete(&body.volume, Some(body.name.as_str()).filter(|name| !name.is_empty()))?;
    Ok(Reply::json(200, &json!({ "Volume": back.volume, "ID": back.id, "Others": back.others })))
}
