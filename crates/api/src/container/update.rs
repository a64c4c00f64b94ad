//! `POST /containers/{id}/update`.

use serde_json::json;
use stead_engine::container::config::HostConfig;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// The body is a part of `HostConfig`: resources and the restart policy.
pub(super) fn post(ask: &mut Ask) -> Answer {
    let change: HostConfig = ask.json()?;
    let warnings = ask.engine().container_update(ask.param("id"), &change)?;
    // Docker writes no warnings as null.
    Ok(Reply::json(200, &json!({ "Warnings": (!warnings.is_empty()).then_some(warnings) })))
}
