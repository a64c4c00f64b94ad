//! `POST /networks/{id}/disconnect`.

use serde::Deserialize;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    container: String,
    force: bool,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let Some(body) = ask.json_if_any::<Body>()? else {
        return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
    };
    ask.engine().network_disconnect(ask.param("id"), &body.container, body.force)?;
    Ok(Reply::empty(200))
}
