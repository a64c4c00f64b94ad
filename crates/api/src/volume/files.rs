//! `GET /stead/volumes/{name}/files`: what lies in a directory of a volume.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let path = ask.query().filled("path").unwrap_or("/");
    Ok(Reply::json(200, &json!({ "Files": ask.engine().volume_files(ask.param("name"), path)? })))
}
