//! `POST /stead/volumes/{name}/snapshots`.

use std::collections::BTreeMap;

use serde::Deserialize;
use stead_engine::volume::snapshot::SnapshotRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

pub(in crate::volume) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let request = SnapshotRequest {
        volume: ask.param("name").to_owned(),
        name: body.name.filter(|name| !name.is_empty()),
        labels: body.labels.unwrap_or_default(),
        ..SnapshotRequest::default()
    };
    Ok(Reply::json(201, &ask.engine().volume_snapshot_create(&request)?))
}
