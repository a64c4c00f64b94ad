//! `GET /volumes`.

use serde_json::{Value, json};

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let list = ask.engine().volume_list(&ask.query().filters()?)?;
    let warnings = if list.warnings.is_empty() { Value::Null } else { json!(list.warnings) };
    Ok(Reply::json(200, &json!({ "Volumes": list.volumes, "Warnings": warnings })))
}
