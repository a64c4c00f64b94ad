//! `PUT /volumes/{name}`: changes volumes of a cluster, which there is not. `POST /stead/volumes/{name}/update` changes labels and access.

use std::collections::BTreeMap;

use serde::Deserialize;
use stead_engine::volume::Access;

use crate::ask::Ask;
use crate::failure;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn put(_ask: &mut Ask) -> Answer {
    Ok(failure::message(503, "volume update only valid for cluster volumes, but swarm is unavailable"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    labels: BTreeMap<String, String>,
    remove_labels: Vec<String>,
    access: Option<Access>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    Ok(Reply::json(200, &ask.engine().volume_update(ask.param("name"), body.labels, body.remove_labels, body.access)?))
}
