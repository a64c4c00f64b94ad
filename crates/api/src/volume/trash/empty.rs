//! `POST /stead/volumes/trash/empty`.

use serde::Deserialize;
use serde_json::json;
use stead_base::time;
use stead_engine::Failure;
use stead_engine::volume::trash::EmptyTrash;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    /// Names and ids; all where there are none.
    volumes: Vec<String>,
    /// A duration such as `12h` or `3d`.
    older_than: Option<String>,
}

pub(in crate::volume) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let age = |text: &str| {
        time::parse_age(text).ok_or_else(|| Failure::invalid(format!("invalid OlderThan {text:?}: no duration such as 12h or 3d")))
    };
    let older_than_nanos = body.older_than.as_deref().filter(|text| !text.is_empty()).map(age).transpose()?;
    let emptied = ask.engine().volume_trash_empty(&EmptyTrash { words: body.volumes, older_than_nanos })?;
    let deleted: Vec<_> = emptied.deleted.iter().map(|(id, name)| json!({ "ID": id, "Name": name })).collect();
    Ok(Reply::json(200, &json!({ "Deleted": deleted, "SpaceReclaimed": emptied.reclaimed })))
}
