//! `POST /stead/volumes/{name}/adopt`.

use serde::Deserialize;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    name: String,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let body: Body = ask.json()?;
    Ok(Reply::json(200, &ask.engine().volume_adopt(ask.param("name"), &body.name)?))
}
