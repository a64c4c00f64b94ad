//! `POST /networks/prune`.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let deleted = ask.engine().network_prune(&ask.query().filters()?)?;
    // Docker says null for none.
    Ok(Reply::json(200, &json!({ "NetworksDeleted": (!deleted.is_empty()).then_some(deleted) })))
}
