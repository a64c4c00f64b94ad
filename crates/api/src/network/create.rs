//! `POST /networks/create`.

use serde_json::json;
use stead_engine::Failure;
use stead_engine::network::CreateRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let Some(request) = ask.json_if_any::<CreateRequest>()? else {
        return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
    };
    if request.needs_swarm() {
        return crate::swarm::absent(ask);
    }
    let id = ask.engine().network_create(&request)?;
    Ok(Reply::json(201, &json!({ "Id": id, "Warning": "" })))
}
