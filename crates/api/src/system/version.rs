//! `GET /version`.

use serde_json::json;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::{NEWEST, OLDEST};

pub(super) fn get(ask: &mut Ask) -> Answer {
    let mut version = ask.engine().system_version();
    if let Some(map) = version.as_object_mut() {
        map.insert("ApiVersion".to_owned(), json!(NEWEST.to_string()));
        map.insert("MinAPIVersion".to_owned(), json!(OLDEST.to_string()));
    }
    Ok(Reply::json(200, &version))
}
