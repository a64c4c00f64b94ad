//! `POST /containers/create`.

use serde::Deserialize;
use serde_json::json;
use stead_engine::container::config::{Config, HostConfig, NetworkingConfig};
use stead_engine::container::create::CreateRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// Docker's body: the fields of `Config`, and two more beside them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    #[serde(flatten)]
    config: Config,
    host_config: Option<HostConfig>,
    networking_config: Option<NetworkingConfig>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let query = ask.query();
    let created = ask.engine().container_create(CreateRequest {
        name: query.filled("name").map(str::to_owned),
        config: body.config,
        host: body.host_config.unwrap_or_default(),
        networking: body.networking_config.unwrap_or_default(),
        platform: query.filled("platform").map(str::to_owned),
    })?;
    Ok(Reply::json(201, &json!({ "Id": created.id, "Warnings": created.warnings })))
}
