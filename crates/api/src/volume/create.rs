//! `POST /volumes/create`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use stead_engine::volume::{Access, CreateRequest};

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::swarm;
use crate::version::Version;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: Option<String>,
    driver: Option<String>,
    driver_opts: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    cluster_volume_spec: Option<Value>,
    /// Our own.
    access: Access,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    if body.cluster_volume_spec.is_some() && ask.version() >= Version(1, 42) {
        return swarm::absent(ask);
    }
    let request = CreateRequest {
        name: body.name.unwrap_or_default(),
        driver: body.driver.unwrap_or_default(),
        labels: body.labels.unwrap_or_default(),
        options: body.driver_opts.unwrap_or_default(),
        access: body.access,
        ..CreateRequest::default()
    };
    // What an existing volume has differently is not told, as in Docker: there is no place for it.
    let (volume, _differs) = ask.engine().volume_create(request)?;
    Ok(Reply::json(201, &volume.without_status()))
}
