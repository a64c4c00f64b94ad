//! `POST /stead/volumes/{name}/clone`.

use std::collections::BTreeMap;

use serde::Deserialize;
use stead_engine::volume::CloneRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: String,
    snapshot: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let request = CloneRequest {
        volume: ask.param("name").to_owned(),
        snapshot: body.snapshot.filter(|name| !name.is_empty()),
        new: body.name,
        labels: body.labels.unwrap_or_default(),
    };
    Ok(Reply::json(201, &ask.engine().volume_clone(&request)?))
}
