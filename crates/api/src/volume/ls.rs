//! `GET /volumes`.

use serde::Serialize;
use stead_engine::volume::VolumeView;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// Docker's answer; no warnings are `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    volumes: Vec<VolumeView>,
    warnings: Option<Vec<String>>,
}

pub(super) fn get(ask: &mut Ask) -> Answer {
    let list = ask.engine().volume_list(&ask.query().filters()?)?;
    let warnings = (!list.warnings.is_empty()).then_some(list.warnings);
    Ok(Reply::json(200, &Listed { volumes: list.volumes, warnings }))
}
