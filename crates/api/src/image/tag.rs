//! `POST /images/{name}/tag`.

use super::name;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let target = name::joined(ask.query().get("repo").unwrap_or_default(), ask.query().get("tag").unwrap_or_default())?;
    ask.engine().image_tag(ask.param("name"), &target.canonical())?;
    Ok(Reply::empty(201))
}
