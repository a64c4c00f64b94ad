//! `POST /stead/volumes/{name}/resize`.

use serde::Deserialize;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    size: Option<u64>,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    Ok(Reply::json(200, &ask.engine().volume_resize(ask.param("name"), body.size)?))
}
