//! `POST /networks/{id}/connect`.

use serde::Deserialize;
use serde_json::Value;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    container: String,
    endpoint_config: Option<Value>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let Some(body) = ask.json_if_any::<Body>()? else {
        return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
    };
    ask.engine().network_connect(ask.param("id"), &body.container, body.endpoint_config.as_ref().filter(|c| !c.is_null()))?;
    Ok(Reply::empty(200))
}
