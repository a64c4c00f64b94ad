//! `POST /stead/volumes/{name}/scrub`: answers when everything has been read. Damage is in the answer, whose status is 200 nevertheless.

use std::sync::atomic::AtomicU64;

use serde::Deserialize;
use serde_json::json;
use stead_engine::volume::scrub::ScrubRequest;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    snapshot: Option<String>,
    record: bool,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    let snapshot = body.snapshot.filter(|name| !name.is_empty());
    let request = ScrubRequest { volume: ask.param("name").to_owned(), snapshot, record: body.record };
    let found = ask.engine().volume_scrub(&request, &AtomicU64::new(0))?;
    Ok(Reply::json(200, &json!({ "Snapshots": found })))
}
