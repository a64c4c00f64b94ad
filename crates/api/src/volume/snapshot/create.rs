//! `POST /stead/volumes/{name}/snapshots`, and of a whole group `POST /stead/volumes/snapshots`.

use std::collections::BTreeMap;

use serde::Deserialize;
use stead_engine::Failure;
use stead_engine::volume::snapshot::{GroupRequest, SnapshotRequest};

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    hook: bool,
    group: Option<String>,
}

pub(in crate::volume) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let request = SnapshotRequest {
        volume: ask.param("name").to_owned(),
        name: body.name.filter(|name| !name.is_empty()),
        labels: body.labels.unwrap_or_default(),
        ..SnapshotRequest::default()
    };
    Ok(Reply::json(201, &ask.engine().volume_snapshot_hooked(&request, body.hook)?))
}

pub(in crate::volume) fn post_group(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let Some(group) = body.group.filter(|group| !group.is_empty()) else {
        return Err(Failure::invalid("Group must name a Compose project or a label"));
    };
    let request =
        GroupRequest { group, name: body.name.filter(|name| !name.is_empty()), labels: body.labels.unwrap_or_default(), hook: body.hook };
    Ok(Reply::json(201, &ask.engine().volume_snapshot_group(&request)?))
}
