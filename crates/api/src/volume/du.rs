//! `GET /stead/volumes/{name}/usage`: how much lies where.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let depth = query.int("depth")?.map_or(1, |depth| usize::try_from(depth).unwrap_or(0));
    let used = ask.engine().volume_du(ask.param("name"), query.filled("path").unwrap_or("/"), depth)?;
    Ok(Reply::json(200, &json!({ "Usage": used })))
}
