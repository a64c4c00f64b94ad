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
    Ok(listed(list.volumes.into_iter().map(VolumeView::without_status).collect(), list.warnings))
}

/// `GET /stead/volumes`: the same with who uses each volume, last use and size under `Status`; `?size=1` measures.
pub(super) fn get_wide(ask: &mut Ask) -> Answer {
    let list = ask.engine().volume_list_wide(&ask.query().filters()?, ask.query().flag("size"))?;
    Ok(listed(list.volumes.into_iter().map(|(view, _usage)| view).collect(), list.warnings))
}

fn listed(volumes: Vec<VolumeView>, warnings: Vec<String>) -> Reply {
    let warnings = (!warnings.is_empty()).then_some(warnings);
    Reply::json(200, &Listed { volumes, warnings })
}
